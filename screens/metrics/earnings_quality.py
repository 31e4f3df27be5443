"""Earnings quality: how often a company loses money, how steady its earnings are, and how much of them is cash.

1. Losses are counted over fiscal years, swings over single quarters, accruals over twelve months.
2. Swings of income are scaled by assets, not by shares or equity: share counts change basis, equity can be negative.
3. Each figure needs a least number of periods, given with it; with fewer it is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

FEWEST_QUARTERS = 12


@metric(
    family="quality",
    unit="share of years",
    direction="higher_is_worse",
    formula="fiscal years with net income < 0 among the last five, at least three known",
    source="own definition, after Hayn (1995), J. Accounting and Economics 20",
    needs=("net_income",),
    bounds={"years": (1, 15), "fewest": (1, 15)},
)
def loss_share(view: View, *, years: int = 5, fewest: int = 3) -> Values:
    income = derived.history(view, "net_income", "year", years)
    known = ~np.isnan(income)
    share = (income < 0).sum(axis=0) / known.sum(axis=0)
    return plain(np.where(known.sum(axis=0) >= fewest, share, np.nan))


@metric(
    family="quality",
    unit="share of quarters",
    direction="higher_is_worse",
    formula="quarters with net income < 0 among the last twelve, at least eight known",
    source="own definition, after Hayn (1995), J. Accounting and Economics 20",
    needs=("net_income",),
)
def loss_share_quarters(view: View) -> Values:
    income = derived.history(view, "net_income", "quarter", 12)
    known = ~np.isnan(income)
    share = (income < 0).sum(axis=0) / known.sum(axis=0)
    return plain(np.where(known.sum(axis=0) >= 8, share, np.nan))


def _deviation(values: Floats, fewest: int) -> Floats:
    """Standard deviation down the rows of what is known, one degree of freedom lost; NaN with fewer than `fewest`."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean = np.where(known, values, 0.0).sum(axis=0) / n
    squares = np.where(known, values - mean, 0.0) ** 2
    return np.where(n >= fewest, np.sqrt(squares.sum(axis=0) / (n - 1)), np.nan)


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula="standard deviation over 20 quarters (at least 12) of the yearly change in quarterly net income / assets",
    source="MSCI Quality Indexes Methodology (earnings variability), income over assets in place of EPS",
    needs=("net_income", "assets"),
    bounds={"quarters": (12, 60)},
)
def earnings_variability(view: View, *, quarters: int = 20) -> Values:
    income = derived.history(view, "net_income", "quarter", quarters + 4)
    return plain(_deviation(income[:-4] - income[4:], FEWEST_QUARTERS) / derived.assets(view))


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula="standard deviation of quarterly net income / equity over 20 quarters (60 in the paper), at least 12",
    source="Asness, Frazzini and Pedersen (2019), Rev. Accounting Studies 24, EVOL",
    needs=("net_income", "equity"),
    excludes=NOT_FINANCIAL,
    bounds={"quarters": (12, 60)},
)
def roe_variability(view: View, *, quarters: int = 20) -> Values:
    """Quarters whose equity is not positive are left out, as a return on them means nothing."""
    income = derived.history(view, "net_income", "quarter", quarters)
    equity = derived.history(view, "equity", "latest", quarters)
    return plain(_deviation(np.where(equity > 0, income / equity, np.nan), FEWEST_QUARTERS))


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula="(net income - cash from operations) / average assets",
    source="Hribar and Collins (2002), J. Accounting Research 40(1)",
    needs=("net_income", "cash_from_operations", "assets"),
    excludes=NOT_FINANCIAL,
)
def accruals(view: View) -> Values:
    income, cash = derived.flows(view, "net_income", "cash_from_operations")
    return plain((income - cash) / derived.average_assets(view))


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula=(
        "[(change in current assets - in cash) - (change in current liabilities - in short-term debt) - depreciation]"
        " / average assets"
    ),
    source="Sloan (1996), The Accounting Review 71(3)",
    needs=(
        "current_assets",
        "cash_and_short_term_investments",
        "current_liabilities",
        "short_term_debt",
        "depreciation_amortization",
        "assets",
    ),
    excludes=NOT_FINANCIAL,
)
def balance_sheet_accruals(view: View) -> Values:
    """Taxes payable are not taken out: no store here holds them."""
    change = derived.operating_working_capital(view) - derived.operating_working_capital(view, 4)
    depreciation = derived.ttm(view, "depreciation_amortization")
    return plain((change - depreciation) / derived.average_assets(view))


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula="change in (assets - cash - liabilities + debt) over a year / average assets",
    source="Hirshleifer, Hou, Teoh and Zhang (2004), J. Accounting and Economics 38, change of net operating assets",
    needs=("assets", "cash_and_short_term_investments", "liabilities", "long_term_debt", "short_term_debt"),
    excludes=NOT_FINANCIAL,
)
def net_operating_assets_growth(view: View) -> Values:
    now, before = (
        derived.assets(view, lag)
        - derived.latest(view, "cash_and_short_term_investments", lag)
        - derived.latest(view, "liabilities", lag)
        + derived.debt(view, lag)
        for lag in (0, 4)
    )
    return plain((now - before) / derived.average_assets(view))
