"""Leverage: how much is owed, against what there is and against what is earned.

1. Balances are the latest known, flows cover twelve months; money in USD.
2. Every quotient over earnings or equity follows the tier rule (`tier_rule`), so that a loss ranks worst.
3. Debt that is not known stays unknown (`derived.debt`); financials and real estate have no meaningful values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain, tiered
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

DEBT = ("long_term_debt", "short_term_debt")
NET_DEBT = (*DEBT, "cash_and_short_term_investments")
HIGHEST_DISPLAYED_MULTIPLE = 50.0


@metric(
    family="leverage",
    unit="ratio",
    direction="higher_is_worse",
    formula="liabilities / assets",
    source="Campbell, Hilscher and Szilagyi (2008), J. Finance 63(6)",
    needs=("liabilities", "assets"),
    excludes=NOT_FINANCIAL,
)
def liabilities_assets(view: View) -> Values:
    """Above one is legal, and bad."""
    return plain(derived.latest(view, "liabilities") / derived.assets(view))


@metric(
    family="leverage",
    unit="ratio",
    direction="higher_is_worse",
    formula="(long_term_debt + short_term_debt) / assets",
    source="Rajan and Zingales (1995), J. Finance 50(5)",
    needs=(*DEBT, "assets"),
    excludes=NOT_FINANCIAL,
)
def debt_assets(view: View) -> Values:
    return plain(derived.debt(view) / derived.assets(view))


@metric(
    family="leverage",
    unit="ratio",
    direction="higher_is_worse",
    formula="debt / equity; equity <= 0 ranks worst, by debt / assets",
    source="Bhandari (1988), J. Finance 43(2)",
    needs=(*DEBT, "equity", "assets"),
    excludes=NOT_FINANCIAL,
)
def debt_equity(view: View) -> Values:
    debt, equity = derived.debt(view), derived.latest(view, "equity")
    ratio = debt / equity
    return tiered(
        ratio,
        normal=(equity > 0, ratio),
        worst=((equity <= 0) & ~np.isnan(debt), debt / derived.assets(view), "neg_equity"),
    )


@metric(
    family="leverage",
    unit="ratio",
    direction="higher_is_worse",
    formula="(debt - cash and short-term investments) / assets",
    source="Bates, Kahle and Stulz (2009), J. Finance 64(5)",
    needs=(*NET_DEBT, "assets"),
    excludes=NOT_FINANCIAL,
)
def net_debt_assets(view: View) -> Values:
    return plain(derived.net_debt(view) / derived.assets(view))


def _years_of(net_debt: Floats, earnings: Floats, assets: Floats, code: str) -> Values:
    """Net debt over earnings: net cash ranks best, net debt without earnings worst, both by net debt / assets."""
    known = ~np.isnan(net_debt) & ~np.isnan(earnings)
    ratio = net_debt / earnings
    scaled = net_debt / assets
    return tiered(
        np.minimum(ratio, HIGHEST_DISPLAYED_MULTIPLE),
        best=(known & (net_debt <= 0), scaled, "net_cash"),
        normal=(known & (net_debt > 0) & (earnings > 0), ratio),
        worst=(known & (net_debt > 0) & (earnings <= 0), scaled, code),
    )


@metric(
    family="leverage",
    unit="years",
    direction="higher_is_worse",
    formula="(debt - cash) / operating income; net cash ranks best, operating income <= 0 with net debt worst",
    source="own choice for stores without depreciation, after net debt / EBITDA",
    needs=(*NET_DEBT, "operating_income", "assets"),
    excludes=NOT_FINANCIAL,
)
def net_debt_operating_income(view: View) -> Values:
    return _years_of(derived.net_debt(view), derived.ebit(view), derived.assets(view), "neg_operating_income")


@metric(
    family="leverage",
    unit="years",
    direction="higher_is_worse",
    formula="(debt - cash) / (operating income + depreciation and amortisation); net cash best, EBITDA <= 0 worst",
    source="leverage covenants; S&P Global Ratings, Corporate Methodology",
    needs=(*NET_DEBT, "operating_income", "depreciation_amortization", "assets"),
    excludes=NOT_FINANCIAL,
)
def net_debt_ebitda(view: View) -> Values:
    return _years_of(derived.net_debt(view), derived.ebitda(view), derived.assets(view), "neg_ebitda")


@metric(
    family="leverage",
    unit="years",
    direction="higher_is_worse",
    formula="debt / (operating income + depreciation and amortisation); no debt best, EBITDA <= 0 with debt worst",
    source="S&P Global Ratings, Corporate Methodology: Ratios and Adjustments",
    needs=(*DEBT, "operating_income", "depreciation_amortization", "assets"),
    excludes=NOT_FINANCIAL,
)
def debt_ebitda(view: View) -> Values:
    return _years_of(derived.debt(view), derived.ebitda(view), derived.assets(view), "neg_ebitda")


def _coverage(earnings: Floats, interest: Floats, debt: Floats, assets: Floats, code: str) -> Values:
    """Earnings over interest: without debt and interest best, earnings <= 0 worst by (interest - earnings) / assets.

    Interest that is missing or zero counts as none only where debt is known to be zero.
    """
    interest = np.where(np.isnan(interest) & (debt == 0), 0.0, np.abs(interest))
    known = ~np.isnan(earnings)
    ratio = earnings / interest
    return tiered(
        ratio,
        best=(known & (interest == 0) & (debt == 0), np.zeros_like(ratio), "no_interest"),
        normal=(known & (interest > 0) & (earnings > 0), -ratio),
        worst=(known & (interest > 0) & (earnings <= 0), (interest - earnings) / assets, code),
        reasons=[((interest == 0) & (debt > 0), "interest_not_reported")],
    )


@metric(
    family="leverage",
    unit="times",
    direction="lower_is_worse",
    formula="EBIT / interest expense; no debt best, EBIT <= 0 with interest worst",
    source="Damodaran, Investment Valuation (2012), ch. 8",
    needs=("operating_income", "interest_expense", *DEBT, "assets"),
    excludes=NOT_FINANCIAL,
)
def interest_coverage(view: View) -> Values:
    earnings, interest = derived.ebit_and_interest(view)
    return _coverage(earnings, interest, derived.debt(view), derived.assets(view), "neg_ebit")


@metric(
    family="leverage",
    unit="times",
    direction="lower_is_worse",
    formula="(EBIT + depreciation and amortisation) / interest expense; no debt best, EBITDA <= 0 worst",
    source="S&P Global Ratings, Corporate Methodology: Ratios and Adjustments",
    needs=("operating_income", "depreciation_amortization", "interest_expense", *DEBT, "assets"),
    excludes=NOT_FINANCIAL,
)
def ebitda_coverage(view: View) -> Values:
    earnings, interest = derived.ebitda(view), derived.ttm(view, "interest_expense")
    return _coverage(earnings, interest, derived.debt(view), derived.assets(view), "neg_ebitda")


@metric(
    family="leverage",
    unit="ratio",
    direction="lower_is_worse",
    formula="cash from operations / debt; no debt ranks best",
    source="Beaver (1966), J. Accounting Research 4",
    needs=("cash_from_operations", *DEBT),
    excludes=NOT_FINANCIAL,
)
def cash_flow_debt(view: View) -> Values:
    """Signed cash over a debt that cannot be negative: the quotient keeps its order."""
    cash, debt = derived.ttm(view, "cash_from_operations"), derived.debt(view)
    ratio = cash / debt
    known = ~np.isnan(cash)
    return tiered(
        ratio,
        best=(known & (debt == 0), -cash / derived.assets(view), "no_debt"),
        normal=(known & (debt > 0), -ratio),
    )


@metric(
    family="leverage",
    unit="ratio",
    direction="lower_is_worse",
    formula="current assets / current liabilities; no current liabilities ranks best",
    source="Ohlson (1980), J. Accounting Research 18(1), as CLCA",
    needs=("current_assets", "current_liabilities"),
    excludes=NOT_FINANCIAL,
)
def current_ratio(view: View) -> Values:
    current, due = derived.latest(view, "current_assets"), derived.latest(view, "current_liabilities")
    ratio = current / due
    return tiered(
        ratio,
        best=((due == 0) & ~np.isnan(current), np.zeros_like(ratio), "no_current_liabilities"),
        normal=((due > 0) & ~np.isnan(current), -ratio),
    )
