"""Capital expenditure and how it is paid for: the statements' side of AI exposure.

1. Flows cover twelve months and one common period; the change of intensity compares with the median of two years.
2. The funding gap is capital expenditure beyond cash from operations; debt-funded capex is the rise of debt over a year
   per dollar of capital expenditure, between -1 and 2.
3. Nothing here knows AI: these become AI figures beside an AI beta, a tag or a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

QUARTERS_OF_MEDIAN = 8
FEWEST_QUARTERS = 4
LOWEST_DEBT_FUNDING, HIGHEST_DEBT_FUNDING = -1.0, 2.0


@per_view
def intensity(view: View, lag: int = 0) -> Floats:
    """Capital expenditure over revenue, twelve months that ended `lag` quarters ago (for lag 0 over one period)."""
    if lag == 0:
        capex, revenue = derived.flows(view, "capital_expenditure", "revenue")
    else:
        capex, revenue = derived.ttm(view, "capital_expenditure", lag), derived.ttm(view, "revenue", lag)
    return np.where(revenue > 0, capex / revenue, np.nan)


@metric(
    family="ai_exposure",
    unit="ratio",
    direction="higher_is_worse",
    formula="capital expenditure / revenue",
    source="Titman, Wei and Xie (2004), J. Financial and Quantitative Analysis 39(4)",
    needs=("capital_expenditure", "revenue"),
    excludes=NOT_FINANCIAL,
)
def capex_intensity(view: View) -> Values:
    return plain(intensity(view))


@metric(
    family="ai_exposure",
    unit="change of ratio",
    direction="higher_is_worse",
    formula="capital expenditure / revenue less its median over the eight quarters before (at least four known), else"
    " less the fiscal year before",
    source="Titman, Wei and Xie (2004), J. Financial and Quantitative Analysis 39(4), abnormal investment",
    needs=("capital_expenditure", "revenue"),
    excludes=NOT_FINANCIAL,
)
def capex_intensity_change(view: View) -> Values:
    """Stores whose cash flows are annual have one or two of the eight quarters; there the years are compared."""
    past = np.vstack([intensity(view, lag) for lag in range(1, QUARTERS_OF_MEDIAN + 1)])
    known = (~np.isnan(past)).sum(axis=0)
    enough = known >= FEWEST_QUARTERS
    median = np.full(past.shape[1], np.nan)
    if enough.any():
        median[enough] = np.nanmedian(past[:, enough], axis=0)
    capex, revenue = (view.item(item, "year", 1) for item in ("capital_expenditure", "revenue"))
    year_before = np.where(revenue > 0, capex / revenue, np.nan)
    return plain(intensity(view) - np.where(enough, median, year_before))


@metric(
    family="ai_exposure",
    unit="growth rate",
    direction="higher_is_worse",
    formula="capital expenditure / capital expenditure of the twelve months before - 1",
    source="Anderson and Garcia-Feijoo (2006), J. Finance 61(1)",
    needs=("capital_expenditure",),
    excludes=NOT_FINANCIAL,
)
def capex_growth(view: View) -> Values:
    now, before = derived.ttm(view, "capital_expenditure"), derived.ttm(view, "capital_expenditure", 4)
    return plain(np.where(before > 0, now / before - 1, np.nan))


@metric(
    family="ai_exposure",
    unit="ratio",
    direction="higher_is_worse",
    formula="(capital expenditure - cash from operations) / assets",
    source="own definition, after Shyam-Sunder and Myers (1999), J. Financial Economics 51(2), financing deficit",
    needs=("capital_expenditure", "cash_from_operations", "assets"),
    excludes=NOT_FINANCIAL,
)
def funding_gap(view: View) -> Values:
    return plain(-derived.fcf(view) / derived.assets(view))


@metric(
    family="ai_exposure",
    unit="ratio",
    direction="higher_is_worse",
    formula="change in debt over four quarters / capital expenditure, between -1 and 2",
    source="own definition",
    needs=("long_term_debt", "short_term_debt", "capital_expenditure"),
    excludes=NOT_FINANCIAL,
)
def debt_funded_capex(view: View) -> Values:
    change = derived.debt(view) - derived.debt(view, 4)
    capex = derived.ttm(view, "capital_expenditure")
    share = np.where(capex > 0, change / capex, np.nan)
    return plain(np.clip(share, LOWEST_DEBT_FUNDING, HIGHEST_DEBT_FUNDING))
