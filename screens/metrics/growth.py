"""Growth: of sales, income and the balance sheet, over twelve months against the twelve before.

1. Changes compare twelve months with the twelve months four quarters earlier; money in USD.
2. A growth rate needs a positive base; a change of income is scaled by assets instead.
3. Falling sales are bad; fast-growing assets predict poor returns, so that one is worse when higher.
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


@per_view
def sales_growth(view: View, lag: int = 0) -> Floats:
    """Growth of revenue over the year that ended `lag` quarters ago; NaN on a base that is not positive."""
    now, before = derived.ttm(view, "revenue", lag), derived.ttm(view, "revenue", lag + 4)
    return np.where(before > 0, now / before - 1, np.nan)


@metric(
    family="growth",
    unit="growth rate",
    direction="lower_is_worse",
    formula="revenue / revenue four quarters earlier - 1, twelve months each",
    source="Lakonishok, Shleifer and Vishny (1994), J. Finance 49(5)",
    needs=("revenue",),
)
def revenue_growth(view: View) -> Values:
    return plain(sales_growth(view))


@metric(
    family="growth",
    unit="change of growth rate",
    direction="lower_is_worse",
    formula="revenue growth less revenue growth four quarters earlier",
    source="own definition (second difference)",
    needs=("revenue",),
)
def revenue_acceleration(view: View) -> Values:
    return plain(sales_growth(view) - sales_growth(view, 4))


@metric(
    family="growth",
    unit="ratio",
    direction="lower_is_worse",
    formula="(net income - net income four quarters earlier) / assets then",
    source="Fama and French (2006), J. Financial Economics 82(3), scaled change of earnings",
    needs=("net_income", "assets"),
)
def income_growth(view: View) -> Values:
    change = derived.ttm(view, "net_income") - derived.ttm(view, "net_income", 4)
    return plain(change / derived.assets(view, 4))


@metric(
    family="growth",
    unit="change",
    direction="lower_is_worse",
    formula="operating margin less operating margin four quarters earlier",
    source="own definition, after Soliman (2008), The Accounting Review 83(3)",
    needs=("operating_income", "revenue"),
    excludes=NOT_FINANCIAL,
)
def operating_margin_change(view: View) -> Values:
    margins = []
    for years in (0, 1):
        profit, revenue = derived.flows(view, "operating_income", "revenue", lag=years)
        margins.append(np.where(revenue > 0, profit / revenue, np.nan))
    return plain(margins[0] - margins[1])


@metric(
    family="growth",
    unit="growth rate",
    direction="higher_is_worse",
    formula="assets / assets four quarters earlier - 1",
    source="Cooper, Gulen and Schill (2008), J. Finance 63(4)",
    needs=("assets",),
    excludes=NOT_FINANCIAL,
)
def asset_growth(view: View) -> Values:
    return plain(derived.assets(view) / derived.assets(view, 4) - 1)
