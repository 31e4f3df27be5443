"""Distance to default from market prices: the naive closed form, and Merton's model solved.

1. Equity is the market cap, its volatility the annualised one of 252 sessions; the face value of debt that matters
   within a year is short-term debt plus half of long-term debt.
2. Naive: asset volatility is a weighted mean of equity's and of 5 % + 25 % of it; drift is the past year's return.
3. Merton, two equations: asset value and volatility such that the call on them has the equity's value and volatility,
   by Newton's method on both; the distance is d2 with the risk-free drift.
4. Merton, iterative (Vassalou and Xing): a year of asset values implied by a volatility, and that volatility again from
   them, until it stands still; the drift is theirs.
5. No debt: no default to be far from. Best tier, value unknown, reason 'no_debt'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived, price_history
from screens.metrics.tier_rule import Floats, Mask, tiered
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

YEAR = price_history.SESSIONS_A_YEAR
NEWTON_STEPS = 30
CONVERGED = 1e-10  # relative error of the two equations
ITERATIONS = 50
STANDS_STILL = 1e-4  # of asset volatility, as in Vassalou and Xing
NEEDS = ("short_term_debt", "long_term_debt", "table:market_cap", "table:prices")


@per_view
def default_point(view: View) -> Floats:
    """Short-term debt plus half of long-term debt, in USD; zero where the company is known to have no debt."""
    total = derived.debt(view)
    long_term = derived.or_zero(derived.latest(view, "long_term_debt"))
    return total - long_term / 2


def _distance(distance: Floats, face: Floats, known: Mask) -> Values:
    return tiered(
        distance,
        best=(known & (face == 0), np.zeros_like(distance), "no_debt"),
        normal=(known & (face > 0) & np.isfinite(distance), -distance),
    )


@metric(
    family="distress",
    unit="standard deviations",
    direction="lower_is_worse",
    formula=(
        "[ln((E + F)/F) + mu - s^2/2]/s; F = short-term + long-term/2 debt,"
        " s = E/(E+F) sE + F/(E+F)(0.05 + 0.25 sE), mu = return of the past year; no debt ranks best"
    ),
    source="Bharath and Shumway (2008), Rev. Financial Studies 21(3), eq. 12-15",
    needs=NEEDS,
    excludes=NOT_FINANCIAL,
)
def naive_distance_to_default(view: View) -> Values:
    equity, face = view.market_cap(), default_point(view)
    volatility = price_history.volatility(view, YEAR)
    drift = price_history.compounded(view, YEAR)
    value = equity + face
    asset_volatility = equity / value * volatility + face / value * (0.05 + 0.25 * volatility)
    distance = (np.log(value / face) + drift - asset_volatility**2 / 2) / asset_volatility
    return _distance(distance, face, ~np.isnan(equity + volatility))


@metric(
    family="distress",
    unit="standard deviations",
    direction="lower_is_worse",
    formula=(
        "[ln(V/F) + mu - s^2/2]/s with V, s from E = V N(d1) - F exp(-r) N(d2) and sE E = N(d1) s V;"
        " mu = r (two_equation) or the asset drift (iterative); no debt ranks best"
    ),
    source="Merton (1974), J. Finance 29(2); Vassalou and Xing (2004), J. Finance 59(2)",
    needs=(*NEEDS, "table:rates"),
    excludes=NOT_FINANCIAL,
    choices={"method": ("two_equation", "iterative")},
)
def merton_distance_to_default(view: View, *, method: str = "two_equation", rate: str = "fed_funds") -> Values:
    equity, face = view.market_cap(), default_point(view)
    volatility = price_history.volatility(view, YEAR)
    known = ~np.isnan(equity + volatility)
    solve = known & (face > 0) & (volatility > 0)
    distance = np.full(equity.shape, np.nan)
    drift = view.rate(rate)
    if method == "two_equation":
        value, asset_volatility = asset_value(equity[solve], volatility[solve], face[solve], drift)
        distance[solve] = (np.log(value / face[solve]) + drift - asset_volatility**2 / 2) / asset_volatility
    else:
        path = view.closes(YEAR)[:, solve]
        path = equity[solve] * path / path[-1]
        distance[solve] = _iterative_distance(path, volatility[solve], face[solve], drift)
    return _distance(distance, face, known)


def asset_value(equity: Floats, volatility: Floats, face: Floats, rate: float) -> tuple[Floats, Floats]:
    """Merton's asset value and its volatility for one year; NaN where Newton's method does not arrive.

    All shapes (n_assets,): equity and face in USD, both positive, volatility annual and positive; `rate` decimal.
    """
    from scipy.special import ndtr

    discounted = face * np.exp(-rate)
    value, sigma = equity + discounted, volatility * equity / (equity + discounted)
    error = np.full(equity.shape, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(NEWTON_STEPS):
            d1 = (np.log(value / face) + rate + sigma**2 / 2) / sigma
            d2 = d1 - sigma
            n1, density = ndtr(d1), np.exp(-(d1**2) / 2) / np.sqrt(2 * np.pi)
            f = value * n1 - discounted * ndtr(d2) - equity
            g = n1 * sigma * value - volatility * equity
            error = np.maximum(np.abs(f) / equity, np.abs(g) / (volatility * equity))
            if not (error > CONVERGED).any():
                break
            f_value, f_sigma = n1, value * density
            g_value, g_sigma = sigma * n1 + density, value * (n1 - density * d2)
            determinant = f_value * g_sigma - f_sigma * g_value
            step_value = (f * g_sigma - g * f_sigma) / determinant
            step_sigma = (g * f_value - f * g_value) / determinant
            value = np.clip(value - step_value, equity, equity + face)
            sigma = np.clip(sigma - step_sigma, sigma / 2, sigma * 2)
    good = error <= 1e-6
    return np.where(good, value, np.nan), np.where(good, sigma, np.nan)


def _iterative_distance(path: Floats, volatility: Floats, face: Floats, rate: float) -> Floats:
    """Distance from a year of equity values, shape (n_sessions, n_assets), oldest first."""
    sigma = volatility * path[-1] / (path[-1] + face)
    assets = path + face
    for _ in range(ITERATIONS):
        assets = _implied_assets(path, face, sigma, rate, assets)
        changes = np.diff(np.log(assets), axis=0)
        new = np.nanstd(changes, axis=0, ddof=1) * np.sqrt(YEAR)
        moved, sigma = np.abs(new - sigma), new
        if not (moved > STANDS_STILL).any():
            break
    drift = np.nanmean(np.diff(np.log(assets), axis=0), axis=0) * YEAR + sigma**2 / 2
    return (np.log(assets[-1] / face) + drift - sigma**2 / 2) / sigma


def _implied_assets(equity: Floats, face: Floats, sigma: Floats, rate: float, start: Floats) -> Floats:
    """Asset values whose one-year call on `face` is worth `equity`, by Newton's method from `start`."""
    from scipy.special import ndtr

    value = start
    for _ in range(NEWTON_STEPS):
        d1 = (np.log(value / face) + rate + sigma**2 / 2) / sigma
        n1 = ndtr(d1)
        step = (value * n1 - face * np.exp(-rate) * ndtr(d1 - sigma) - equity) / n1
        value = np.clip(value - step, equity, equity + face)
        if not (np.abs(step) > CONVERGED * equity).any():
            break
    return value
