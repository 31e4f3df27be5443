"""Two checklists from the statements: Piotroski's F (strength) and Beneish's M (manipulation).

1. Years are compared as twelve months against the twelve months four quarters before.
2. F counts nine signs; with eight of nine known the count is scaled to nine, with fewer it is unknown.
3. A fall in leverage is a fall of long-term debt over average assets, as in the paper (a ratio, not an amount).
4. M sets depreciation, asset quality and SG&A indices to one where they cannot be computed, as Beneish does, and the
   gross margin index to one where a margin is not positive (reason 'neg_margin').
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.shares import share_growth
from screens.metrics.tier_rule import Floats, plain
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

SIGNS = 9
FEWEST_SIGNS = 8


def _sign(condition: np.ndarray, *inputs: Floats) -> Floats:
    """1 where the condition holds, 0 where not, NaN where an input is unknown."""
    unknown = np.logical_or.reduce([np.isnan(values) for values in inputs])
    return np.where(unknown, np.nan, condition)


@per_view
def _average_assets(view: View, lag: int) -> Floats:
    """Assets averaged over the year that ended `lag` quarters ago; the end of it where the start is unknown."""
    end, start = derived.assets(view, lag), derived.assets(view, lag + 4)
    return np.where(np.isnan(start), end, (end + start) / 2)


@per_view
def piotroski_signs(view: View) -> Floats:
    """The nine signs, shape (9, n_assets): 1, 0 or NaN."""
    start, before = derived.assets(view, 4), derived.assets(view, 8)
    roa = derived.ttm(view, "net_income") / start
    roa_before = derived.ttm(view, "net_income", 4) / before
    cash = derived.ttm(view, "cash_from_operations") / start
    owed = derived.latest(view, "long_term_debt") / _average_assets(view, 0)
    owed_before = derived.latest(view, "long_term_debt", 4) / _average_assets(view, 4)
    liquid = derived.latest(view, "current_assets") / derived.latest(view, "current_liabilities")
    liquid_before = derived.latest(view, "current_assets", 4) / derived.latest(view, "current_liabilities", 4)
    margin, margin_before = _gross_margin(view, 0), _gross_margin(view, 1)
    turnover = derived.ttm(view, "revenue") / start
    turnover_before = derived.ttm(view, "revenue", 4) / before
    issued, growth = derived.ttm(view, "share_issuance"), share_growth(view)
    no_issue = np.where(np.isnan(growth), _sign(issued == 0, issued), np.where((growth <= 0) | (issued == 0), 1.0, 0.0))
    return np.vstack(
        [
            _sign(roa > 0, roa),
            _sign(cash > 0, cash),
            _sign(roa > roa_before, roa, roa_before),
            _sign(cash > roa, cash, roa),
            _sign(owed < owed_before, owed, owed_before),
            _sign(liquid > liquid_before, liquid, liquid_before),
            no_issue,
            _sign(margin > margin_before, margin, margin_before),
            _sign(turnover > turnover_before, turnover, turnover_before),
        ]
    )


def _gross_margin(view: View, years: int) -> Floats:
    gross, revenue = derived.flows(view, "gross_profit", "revenue", lag=years)
    return np.where(revenue > 0, gross / revenue, np.nan)


@metric(
    family="quality",
    unit="points (0-9)",
    direction="lower_is_worse",
    formula=(
        "ROA > 0, CFO > 0, ROA up, CFO > NI, long-term debt/assets down, current ratio up, no shares issued,"
        " gross margin up, asset turnover up; 8 of 9 known suffice, scaled"
    ),
    source="Piotroski (2000), J. Accounting Research 38",
    needs=(
        "net_income",
        "cash_from_operations",
        "assets",
        "long_term_debt",
        "current_assets",
        "current_liabilities",
        "shares_diluted",
        "gross_profit",
        "revenue",
    ),
    excludes=NOT_FINANCIAL,
)
def piotroski_f(view: View) -> Values:
    signs = piotroski_signs(view)
    known = (~np.isnan(signs)).sum(axis=0)
    points = np.where(np.isnan(signs), 0.0, signs).sum(axis=0)
    return plain(
        np.where(known >= FEWEST_SIGNS, points * SIGNS / known, np.nan), [(known < FEWEST_SIGNS, "too_few_signs")]
    )


def _index(now: Floats, before: Floats) -> Floats:
    """Ratio of two years; NaN where either is unknown or the earlier one is not positive."""
    return np.where(before > 0, now / before, np.nan)


@metric(
    family="quality",
    unit="score",
    direction="higher_is_worse",
    formula=(
        "-4.84 + 0.920 DSRI + 0.528 GMI + 0.404 AQI + 0.892 SGI + 0.115 DEPI - 0.172 SGAI + 4.679 TATA - 0.327 LVGI;"
        " > -1.78 suspect"
    ),
    source="Beneish (1999), Financial Analysts J. 55(5)",
    needs=(
        "receivables",
        "revenue",
        "gross_profit",
        "current_assets",
        "property_plant_equipment",
        "assets",
        "depreciation_amortization",
        "selling_general_administrative",
        "net_income",
        "cash_from_operations",
        "current_liabilities",
        "long_term_debt",
    ),
    excludes=NOT_FINANCIAL,
)
def beneish_m(view: View) -> Values:
    sales, sales_before = derived.ttm(view, "revenue"), derived.ttm(view, "revenue", 4)
    assets, assets_before = derived.assets(view), derived.assets(view, 4)
    margin, margin_before = _gross_margin(view, 0), _gross_margin(view, 1)
    no_margin = (margin <= 0) | (margin_before <= 0)
    gmi = np.where(no_margin, 1.0, margin_before / margin)
    dsri = _index(derived.latest(view, "receivables") / sales, derived.latest(view, "receivables", 4) / sales_before)
    owed, owed_before = (
        (
            derived.latest(view, "current_liabilities", lag)
            + derived.or_zero(derived.latest(view, "long_term_debt", lag))
        )
        / derived.assets(view, lag)
        for lag in (0, 4)
    )
    tata = (derived.ttm(view, "net_income") - derived.ttm(view, "cash_from_operations")) / assets
    return plain(
        -4.84
        + 0.920 * dsri
        + 0.528 * gmi
        + 0.404 * _or_one(_index(_soft_assets(view, assets, 0), _soft_assets(view, assets_before, 4)))
        + 0.892 * _index(sales, sales_before)
        + 0.115 * _or_one(_index(_depreciation_rate(view, 4), _depreciation_rate(view, 0)))
        - 0.172 * _or_one(_index(_selling(view, 0), _selling(view, 4)))
        + 4.679 * tata
        - 0.327 * _index(owed, owed_before),
        [(no_margin, "neg_margin")],
    )


def _or_one(index: Floats) -> Floats:
    return np.where(np.isnan(index), 1.0, index)


def _soft_assets(view: View, assets: Floats, lag: int) -> Floats:
    """Share of assets that is neither current nor plant."""
    plant = derived.latest(view, "property_plant_equipment", lag)
    return 1 - (derived.latest(view, "current_assets", lag) + plant) / assets


def _depreciation_rate(view: View, lag: int) -> Floats:
    charge = derived.ttm(view, "depreciation_amortization", lag)
    return charge / (derived.latest(view, "property_plant_equipment", lag) + charge)


def _selling(view: View, lag: int) -> Floats:
    return derived.ttm(view, "selling_general_administrative", lag) / derived.ttm(view, "revenue", lag)
