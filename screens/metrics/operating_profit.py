"""Operating profitability after the research literature, and what stock-based pay hides in it.

1. `operating_profitability` deducts selling costs and interest from gross profit, over book equity.
2. `cash_based_operating_profitability` adds research back and takes out accruals in working capital, over assets.
3. The papers' SG&A (Compustat XSGA) holds research; the tag that filers use does not. So research is deducted beside
   SG&A where a paper deducts XSGA, and left alone where it adds research back; `research_in_sga` turns that round.
4. `cash_flow_profitability` is the CFOA of the QMJ composite; `sbc_burden` and `fcf_after_sbc_margin` count stock pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.profitability import margin
from screens.metrics.tier_rule import Floats, plain, tiered
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

OPERATING_ACCRUALS = (("receivables", 1.0), ("inventory", 1.0), ("payables", -1.0), ("deferred_revenue", -1.0))
COSTS = ("gross_profit", "selling_general_administrative", "research_and_development")


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="(gross profit - SG&A - research - interest) / equity; over assets where equity <= 0, losses there worst",
    source="Fama and French (2015), J. Financial Economics 116(1)",
    needs=(*COSTS, "interest_expense", "equity", "assets"),
    excludes=NOT_FINANCIAL,
)
def operating_profitability(view: View, *, research_in_sga: bool = False) -> Values:
    interest = derived.ttm(view, "interest_expense")
    interest = np.where(np.isnan(interest) & (derived.debt(view) == 0), 0.0, np.abs(interest))
    before, research = derived.profit_before_research(view)
    profit = before - interest - (0.0 if research_in_sga else research)
    equity, scaled = derived.latest(view, "equity"), profit / derived.assets(view)
    ratio = np.where(equity > 0, profit / equity, scaled)
    return tiered(
        ratio,
        normal=(~np.isnan(ratio) & ((equity > 0) | (profit >= 0)), -ratio),
        worst=((equity <= 0) & (profit < 0), -scaled, "neg_equity_loss"),
    )


@per_view
def change_in_operating_accruals(view: View) -> tuple[Floats, derived.Mask]:
    """Rise of receivables and inventory less that of payables and deferred revenue over a year; missing parts are zero.

    Also returns where not one part is known.
    """
    total = np.zeros(len(view.tickers))
    none = np.ones(len(view.tickers), dtype=bool)
    for item, sign in OPERATING_ACCRUALS:
        change = derived.latest(view, item) - derived.latest(view, item, 4)
        none &= np.isnan(change)
        total = total + sign * derived.or_zero(change)
    return total, none


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula=(
        "(gross profit - SG&A without research - change in receivables - change in inventory + change in payables"
        " + change in deferred revenue) / assets; a missing change counts as zero"
    ),
    source="Ball, Gerakos, Linnainmaa and Nikolaev (2016), J. Financial Economics 121(1)",
    needs=(*COSTS, "receivables", "inventory", "payables", "deferred_revenue", "assets"),
    excludes=NOT_FINANCIAL,
)
def cash_based_operating_profitability(view: View, *, research_in_sga: bool = False) -> Values:
    before, research = derived.profit_before_research(view)
    accruals, none = change_in_operating_accruals(view)
    value = (before + (research if research_in_sga else 0.0) - accruals) / derived.assets(view)
    return plain(value, [(none & ~np.isnan(value), "no_working_capital_changes")])


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="(net income + depreciation - change in working capital - capital expenditure) / assets",
    source="Asness, Frazzini and Pedersen (2019), Rev. Accounting Studies 24, CFOA",
    needs=(
        "net_income",
        "depreciation_amortization",
        "capital_expenditure",
        "current_assets",
        "current_liabilities",
        "cash_and_short_term_investments",
        "short_term_debt",
        "assets",
    ),
    excludes=NOT_FINANCIAL,
)
def cash_flow_profitability(view: View) -> Values:
    income, depreciation, capex = derived.flows(view, "net_income", "depreciation_amortization", "capital_expenditure")
    change = derived.operating_working_capital(view) - derived.operating_working_capital(view, 4)
    return plain((income + depreciation - change - capex) / derived.assets(view))


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula="stock-based compensation / revenue",
    source="own definition",
    needs=("stock_based_compensation", "revenue"),
)
def sbc_burden(view: View) -> Values:
    pay, revenue = derived.flows(view, "stock_based_compensation", "revenue")
    return plain(np.where(revenue > 0, pay / revenue, np.nan), [(revenue <= 0, "no_revenue")])


@metric(
    family="quality",
    unit="ratio",
    direction="lower_is_worse",
    formula="(cash from operations - capital expenditure - stock-based compensation) / revenue",
    source="own definition",
    needs=("cash_from_operations", "capital_expenditure", "stock_based_compensation", "revenue", "assets"),
    excludes=NOT_FINANCIAL,
)
def fcf_after_sbc_margin(view: View) -> Values:
    cash, capex, pay, revenue = derived.flows(
        view, "cash_from_operations", "capital_expenditure", "stock_based_compensation", "revenue"
    )
    return margin(view, cash - capex - pay, revenue)
