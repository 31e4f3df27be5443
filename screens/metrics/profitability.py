"""Profitability: what a company earns on its assets, its equity, its capital and its sales.

1. Flows cover twelve months and, where several enter one figure, one common period; money in USD.
2. Return denominators are averages over four quarters (gross profit / assets takes the end, as published).
3. Where equity, capital or revenue give no meaning, the tier rule ranks losses worst and leaves profits unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, Mask, plain, tiered
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

THIN_EQUITY = 0.05  # equity below this share of assets makes a return on equity meaningless
LOWEST_REVENUE_USD = 10e6  # below it a margin says nothing


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="(revenue - cost of revenue) / assets at the end of the period",
    source="Novy-Marx (2013), J. Financial Economics 108(1)",
    needs=("gross_profit", "assets"),
    excludes=NOT_FINANCIAL,
)
def gross_profit_assets(view: View) -> Values:
    return plain(derived.ttm(view, "gross_profit") / derived.assets(view))


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="net income / average assets",
    source="Fama and French (2006), J. Financial Economics 82(3)",
    needs=("net_income", "assets"),
)
def roa(view: View) -> Values:
    return plain(derived.ttm(view, "net_income") / derived.average_assets(view))


@per_view
def return_denominator(view: View) -> tuple[Floats, Mask]:
    """Equity for a return (average where both ends are positive, else the last), and where it is too thin to use."""
    now, average = derived.latest(view, "equity"), derived.average(view, "equity")
    before = derived.latest(view, "equity", 4)
    equity = np.where((now > 0) & ~(before <= 0), average, now)
    return equity, (equity > 0) & (equity < THIN_EQUITY * derived.assets(view))


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="net income / average equity; equity <= 0: losses worst, profits unknown; equity < 5 % of assets unknown",
    source="Haugen and Baker (1996), J. Financial Economics 41(3)",
    needs=("net_income", "equity", "assets"),
)
def roe(view: View) -> Values:
    """Use ROA beside it: with bought-back (negative or thin) equity the quotient says nothing."""
    income = derived.ttm(view, "net_income")
    equity, thin = return_denominator(view)
    ratio = income / equity
    return tiered(
        ratio,
        normal=((equity > 0) & ~thin & ~np.isnan(income), -ratio),
        worst=((equity <= 0) & (income < 0), -income / derived.assets(view), "neg_equity_loss"),
        reasons=[((equity <= 0) & (income >= 0), "neg_equity_use_roa"), (thin, "thin_equity_use_roa")],
    )


@per_view
def invested_capital(view: View, lag: int = 0) -> Floats:
    """Debt, equity, minorities and preferred stock less cash and short-term investments."""
    owners = derived.latest(view, "equity", lag) + derived.or_zero(derived.latest(view, "minority_interest", lag))
    owners = owners + derived.or_zero(derived.latest(view, "preferred_equity", lag))
    return derived.debt(view, lag) + owners - derived.latest(view, "cash_and_short_term_investments", lag)


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="EBIT (1 - tax rate) / average (debt + equity + minorities + preferred - cash); loss on capital <= 0 worst",
    source="Koller, Goedhart and Wessels, Valuation (2020), ch. 11",
    needs=(
        "operating_income",
        "income_tax",
        "pretax_income",
        "long_term_debt",
        "short_term_debt",
        "equity",
        "cash_and_short_term_investments",
        "assets",
    ),
    excludes=NOT_FINANCIAL,
)
def roic(view: View) -> Values:
    profit = derived.ebit(view) * (1 - derived.tax_rate(view))
    now, before = invested_capital(view), invested_capital(view, 4)
    capital = np.where((now > 0) & (before > 0), (now + before) / 2, now)
    ratio = profit / capital
    return tiered(
        ratio,
        normal=((capital > 0) & ~np.isnan(profit), -ratio),
        worst=((capital <= 0) & (profit < 0), -profit / derived.assets(view), "neg_capital_loss"),
        reasons=[((capital <= 0) & (profit >= 0), "neg_capital")],
    )


def margin(view: View, profit: Floats, revenue: Floats) -> Values:
    """Profit over revenue; with revenue below 10 m USD a loss ranks worst and a profit is unknown."""
    ratio = profit / revenue
    no_sales = revenue < LOWEST_REVENUE_USD
    return tiered(
        ratio,
        normal=(~no_sales & ~np.isnan(ratio), -ratio),
        worst=(no_sales & (profit < 0), -profit / derived.assets(view), "no_revenue_loss"),
        reasons=[(no_sales & (profit >= 0), "no_revenue")],
    )


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="gross profit / revenue",
    source="Asness, Frazzini and Pedersen (2019), Rev. Accounting Studies 24, GMAR",
    needs=("gross_profit", "revenue"),
    excludes=NOT_FINANCIAL,
)
def gross_margin(view: View) -> Values:
    profit, revenue = derived.flows(view, "gross_profit", "revenue")
    return margin(view, profit, revenue)


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="operating income / revenue; revenue < 10 m USD with a loss ranks worst",
    source="Soliman (2008), The Accounting Review 83(3)",
    needs=("operating_income", "revenue", "assets"),
    excludes=NOT_FINANCIAL,
)
def operating_margin(view: View) -> Values:
    profit, revenue = derived.flows(view, "operating_income", "revenue")
    return margin(view, profit, revenue)


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="net income / revenue; revenue < 10 m USD with a loss ranks worst",
    source="Soliman (2008), The Accounting Review 83(3)",
    needs=("net_income", "revenue", "assets"),
)
def net_margin(view: View) -> Values:
    profit, revenue = derived.flows(view, "net_income", "revenue")
    return margin(view, profit, revenue)


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="(cash from operations - capital expenditure) / revenue; revenue < 10 m USD with an outflow ranks worst",
    source="Lakonishok, Shleifer and Vishny (1994), J. Finance 49(5), cash flow in place of earnings",
    needs=("cash_from_operations", "capital_expenditure", "revenue", "assets"),
    excludes=NOT_FINANCIAL,
)
def fcf_margin(view: View) -> Values:
    cash, capex, revenue = derived.flows(view, "cash_from_operations", "capital_expenditure", "revenue")
    return margin(view, cash - capex, revenue)


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="(cash from operations - capital expenditure) / assets",
    source="Asness, Frazzini and Pedersen (2019), Rev. Accounting Studies 24, after CFOA",
    needs=("cash_from_operations", "capital_expenditure", "assets"),
    excludes=NOT_FINANCIAL,
)
def fcf_assets(view: View) -> Values:
    return plain(derived.fcf(view) / derived.assets(view))


@metric(
    family="profitability",
    unit="ratio",
    direction="lower_is_worse",
    formula="cash from operations / average assets",
    source="Piotroski (2000), J. Accounting Research 38, CFO",
    needs=("cash_from_operations", "assets"),
)
def cash_flow_assets(view: View) -> Values:
    return plain(derived.ttm(view, "cash_from_operations") / derived.average_assets(view))


@metric(
    family="profitability",
    unit="times",
    direction="lower_is_worse",
    formula="revenue / average assets",
    source="Novy-Marx (2013), J. Financial Economics 108(1)",
    needs=("revenue", "assets"),
    excludes=NOT_FINANCIAL,
)
def asset_turnover(view: View) -> Values:
    return plain(derived.ttm(view, "revenue") / derived.average_assets(view))
