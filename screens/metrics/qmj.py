"""Quality minus junk: profitability, growth and safety of Asness, Frazzini and Pedersen, and junk as their opposite.

1. Every component becomes a standardised rank over stocks outside financials and real estate; a leg is the standardised
   mean of its components, at least half of them known.
2. Profitability: gross profit, net income and cash flow over assets, return on equity, gross margin, low accruals.
   Where a store has no depreciation or current items, cash flow is free cash flow and accruals are net income less cash
   from operations, both over assets.
3. Growth: change over five fiscal years of the same profits over the assets (equity, sales) of five years ago; the
   paper's charge for growth of capital and its division by shares are left out.
4. Safety: low Frazzini-Pedersen beta, low debt, low Ohlson O, high Altman Z, steady return on equity.
5. Quality is the standardised sum of the legs; with less than five years of accounts growth is left out ('no_growth').
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived, earnings_quality, operating_profit, profitability
from screens.metrics.ai_beta import members_or_stocks
from screens.metrics.bankruptcy_scores import altman_z, ohlson_o
from screens.metrics.cross_section import mean_known, rank_z
from screens.metrics.momentum import frazzini_pedersen_beta
from screens.metrics.tier_rule import Floats, Mask, plain
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

YEARS = 5
SOURCE = "Asness, Frazzini and Pedersen (2019), Rev. Accounting Studies 24"
PROFITS = ("net_income", "gross_profit", "cash_from_operations", "capital_expenditure", "equity", "assets", "revenue")


@per_view
def population(view: View, index: str | None) -> Mask:
    """Stocks (of an index, where one is given) outside financials and real estate."""
    return members_or_stocks(view, index) & view.is_stock() & ~np.isin(view.sector(), NOT_FINANCIAL)


def _leg(parts: list[Floats], among: Mask) -> Floats:
    ranked = [rank_z(part, among) for part in parts]
    return rank_z(mean_known(ranked, fewest=-(-len(ranked) // 2)), among)


@per_view
def profitability_leg(view: View, index: str | None) -> Floats:
    assets = derived.assets(view)
    income, cash = derived.flows(view, "net_income", "cash_from_operations")
    cash_flow = operating_profit.cash_flow_profitability(view).value
    working = derived.operating_working_capital(view) - derived.operating_working_capital(view, 4)
    low_accruals = (derived.ttm(view, "depreciation_amortization") - working) / assets
    return _leg(
        [
            derived.ttm(view, "gross_profit") / assets,
            -profitability.roe(view).badness("lower_is_worse"),
            derived.ttm(view, "net_income") / assets,
            np.where(np.isnan(cash_flow), derived.fcf(view) / assets, cash_flow),
            -profitability.gross_margin(view).badness("lower_is_worse"),
            np.where(np.isnan(low_accruals), (cash - income) / assets, low_accruals),
        ],
        population(view, index),
    )


@per_view
def growth_leg(view: View, index: str | None) -> Floats:
    assets = derived.assets(view, 4 * YEARS)
    equity = derived.latest(view, "equity", 4 * YEARS)
    revenue = view.item("revenue", "year", YEARS)

    def change(*items: str) -> Floats:
        now, then = (sum(_signed(view, item, lag) for item in items) for lag in (0, YEARS))
        return np.asarray(now - then)

    gross = change("gross_profit")
    return _leg(
        [
            gross / assets,
            np.where(equity > 0, change("net_income") / equity, np.nan),
            change("net_income") / assets,
            change("cash_from_operations", "capital_expenditure") / assets,
            np.where(revenue > 0, gross / revenue, np.nan),
        ],
        population(view, index),
    )


def _signed(view: View, item: str, lag: int) -> Floats:
    figure = view.item(item, "year", lag)
    return -figure if item == "capital_expenditure" else figure


@per_view
def safety_leg(view: View, index: str | None) -> Floats:
    owed = derived.debt(view) + derived.or_zero(derived.latest(view, "minority_interest"))
    owed = owed + derived.or_zero(derived.latest(view, "preferred_equity"))
    return _leg(
        [
            -frazzini_pedersen_beta(view).value,
            -owed / derived.assets(view),
            -ohlson_o(view).value,
            altman_z(view).value,
            -earnings_quality.roe_variability(view).value,
        ],
        population(view, index),
    )


@metric(
    family="quality",
    unit="z",
    direction="lower_is_worse",
    formula="z of mean z(gross profit, net income and cash flow over assets, ROE, gross margin, low accruals)",
    source=SOURCE,
    needs=PROFITS,
    excludes=NOT_FINANCIAL,
)
def qmj_profitability(view: View, *, index: str | None = None) -> Values:
    return plain(profitability_leg(view, index))


@metric(
    family="quality",
    unit="z",
    direction="lower_is_worse",
    formula="z of mean z(five-year changes of profits over the assets, equity and sales of five years ago)",
    source=SOURCE,
    needs=PROFITS,
    excludes=NOT_FINANCIAL,
)
def qmj_growth(view: View, *, index: str | None = None) -> Values:
    return plain(growth_leg(view, index))


@metric(
    family="quality",
    unit="z",
    direction="lower_is_worse",
    formula="z of mean z(low Frazzini-Pedersen beta, low debt, low Ohlson O, high Altman Z, steady ROE)",
    source=SOURCE,
    needs=("long_term_debt", "short_term_debt", "assets", "net_income", "equity", "table:prices"),
    excludes=NOT_FINANCIAL,
)
def qmj_safety(view: View, *, index: str | None = None) -> Values:
    return plain(safety_leg(view, index))


@metric(
    family="quality",
    unit="z",
    direction="higher_is_worse",
    formula="- z(profitability + growth + safety); growth left out with less than five years of accounts",
    source=SOURCE,
    needs=(*PROFITS, "long_term_debt", "short_term_debt", "table:prices"),
    excludes=NOT_FINANCIAL,
)
def qmj_junk(view: View, *, index: str | None = None) -> Values:
    among = population(view, index)
    profit, growth, safety = profitability_leg(view, index), growth_leg(view, index), safety_leg(view, index)
    no_growth = np.isnan(growth) & ~np.isnan(profit + safety)
    quality = rank_z(profit + safety + derived.or_zero(growth), among)
    return plain(-quality, [(no_growth, "no_growth")])
