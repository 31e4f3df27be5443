"""Refinancing: what falls due, what is there to pay it with, and how long the cash lasts.

1. Debt due comes from the maturity table of the notes where a store holds it (`debt_due_12m`, `debt_due_36m`); without
   it the next twelve months are the short-term debt, and the next 36 are unknown.
2. Means are cash and short-term investments plus free cash flow of twelve months where positive.
3. Nothing due ranks best; debt due without means ranks worst, by debt due over assets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain, tiered
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

MEANS = ("cash_and_short_term_investments", "cash_from_operations", "capital_expenditure", "assets")


def _wall(view: View, due: Floats) -> Values:
    means = derived.latest(view, "cash_and_short_term_investments") + np.maximum(derived.fcf(view), 0.0)
    known = ~np.isnan(due) & ~np.isnan(means)
    ratio = due / means
    scaled = due / derived.assets(view)
    return tiered(
        ratio,
        best=(known & (due <= 0), np.zeros_like(ratio), "nothing_due"),
        normal=(known & (due > 0) & (means > 0), ratio),
        worst=(known & (due > 0) & (means <= 0), scaled, "no_means"),
    )


@metric(
    family="refinancing",
    unit="ratio",
    direction="higher_is_worse",
    formula="debt due within 12 months / (cash and short-term investments + max(free cash flow, 0))",
    source="Harford, Klasa and Maxwell (2014), J. Finance 69(5)",
    needs=("debt_due_12m", "short_term_debt", "long_term_debt", *MEANS),
    excludes=NOT_FINANCIAL,
)
def refinancing_wall_12m(view: View) -> Values:
    stated = derived.latest(view, "debt_due_12m")
    total = derived.debt(view)
    short_term = np.where(np.isnan(total), np.nan, derived.or_zero(derived.latest(view, "short_term_debt")))
    return _wall(view, np.where(np.isnan(stated), short_term, stated))


@metric(
    family="refinancing",
    unit="ratio",
    direction="higher_is_worse",
    formula="debt due within 36 months / (cash and short-term investments + max(free cash flow, 0))",
    source="Almeida, Campello, Laranjeira and Weisbenner (2012), Critical Finance Review 1(1)",
    needs=("debt_due_36m", *MEANS),
    excludes=NOT_FINANCIAL,
)
def refinancing_wall_36m(view: View) -> Values:
    return _wall(view, derived.latest(view, "debt_due_36m"))


@metric(
    family="refinancing",
    unit="months",
    direction="lower_is_worse",
    formula="(cash and short-term investments) / (-free cash flow / 12); free cash flow >= 0 ranks best",
    source="own definition (cash burn)",
    needs=MEANS,
    excludes=NOT_FINANCIAL,
)
def cash_runway(view: View) -> Values:
    cash, flow = derived.latest(view, "cash_and_short_term_investments"), derived.fcf(view)
    months = cash / (-flow / 12)
    return tiered(
        months,
        best=((flow >= 0) & ~np.isnan(cash), np.zeros_like(months), "no_burn"),
        normal=((flow < 0) & ~np.isnan(cash), -months),
    )


@metric(
    family="refinancing",
    unit="ratio",
    direction="higher_is_worse",
    formula="(debt issued - repaid + change in short-term debt) / average assets; beyond 1 unknown",
    source="Bradshaw, Richardson and Sloan (2006), J. Accounting and Economics 42",
    needs=("debt_issuance", "debt_repayment", "short_term_debt", "assets"),
    excludes=NOT_FINANCIAL,
)
def net_debt_issuance(view: View) -> Values:
    """Where only one of issuance and repayment is known the other counts as zero."""
    issued, repaid = derived.ttm(view, "debt_issuance"), derived.ttm(view, "debt_repayment")
    short_term = [derived.or_zero(derived.latest(view, "short_term_debt", lag)) for lag in (0, 4)]
    both = derived.flows(view, "debt_issuance", "debt_repayment")
    net = np.where(
        np.isnan(issued) | np.isnan(repaid), derived.or_zero(issued) - derived.or_zero(repaid), both[0] - both[1]
    )
    net = np.where(np.isnan(issued) & np.isnan(repaid), np.nan, net)
    value = (net + short_term[0] - short_term[1]) / derived.average_assets(view)
    odd = np.abs(value) > 1
    return plain(np.where(odd, np.nan, value), [(odd, "beyond_one")])


@metric(
    family="refinancing",
    unit="ratio",
    direction="higher_is_worse",
    formula="short-term debt / debt; no debt ranks best",
    source="Diamond (1991), Quarterly J. Economics 106(3), as liquidity risk",
    needs=("short_term_debt", "long_term_debt"),
    excludes=NOT_FINANCIAL,
)
def short_term_debt_share(view: View) -> Values:
    total = derived.debt(view)
    short_term = derived.or_zero(derived.latest(view, "short_term_debt"))
    share = short_term / total
    return tiered(share, best=(total == 0, np.zeros_like(share), "no_debt"), normal=(total > 0, share))
