"""Ratios that look at bad sessions only.

1. `downside_beta`: least squares on the sessions on which the *hedge* falls (Ang, Chen and Xing 2006, about zero).
2. `lower_partial_moment`: the ratio under which the *hedged* return falls short of a target least, in the p-th power.
3. `min_semivariance`: the same with p = 2 about the hedged return's own mean.
4. These are different questions with different answers, hence the different names.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.least_squares import ols, ols_ratio
from basket.hedge.piecewise import MOST_DOUBLINGS, Line, minimise
from basket.hedge.result import DegenerateHedgeError, HedgeRatio, ShortHistoryError
from basket.hedge.tail import bootstrap_stderr, search_start
from market.errors import ConfigError

LEAST_BAD_SESSIONS = 10
MOST_STEPS = 200


def downside_beta_ratio(book: Array, hedge: Array, threshold: float = 0.0) -> float:
    """Least squares on the sessions with `hedge < threshold` (one window)."""
    bad = hedge < threshold
    if int(bad.sum()) < LEAST_BAD_SESSIONS:
        raise ShortHistoryError(f"needs {LEAST_BAD_SESSIONS} sessions on which the hedge falls, has {int(bad.sum())}")
    return float(ols_ratio(book[bad], hedge[bad]))


def downside_beta(long_returns: Returns, hedge_returns: Returns, *, threshold: float = 0.0) -> HedgeRatio:
    r"""Least squares over the sessions on which the hedge returns less than `threshold` (a decimal per session).

    .. math:: h = \operatorname{Cov}(L, B \mid B < 0) / \operatorname{Var}(B \mid B < 0)

    `n_sessions` counts all sessions, `n_bad` those used. Raises `ShortHistoryError` below ten of them.

    References
    ----------
    Ang, Chen and Xing (2006), "Downside Risk", Review of Financial Studies 19(4).
    """
    given = history(long_returns, hedge_returns)
    value = downside_beta_ratio(given.book, given.hedge, threshold)
    bad = given.hedge < threshold
    return given.result(value, ols(given.book[bad], given.hedge[bad]).stderr, n_bad=int(bad.sum()))


def lower_partial_moment_ratio(book: Array, hedge: Array, p: float = 2.0, target: float = 0.0) -> float:
    """The ratio of least p-th lower partial moment (one window)."""
    if p < 1.0:
        raise ConfigError(f"lower_partial_moment: p must be at least 1 (below, the problem is not convex), found {p}")
    free = _without_shortfall(book - target, hedge)
    if free is not None:
        return free
    if p == 1.0:
        left, right, _ = minimise(
            lambda ratio: _first_moment(book, hedge, target, ratio), float(ols_ratio(book, hedge))
        )
        return 0.5 * (left + right)
    return _stationary_point(book - target, hedge, p)


def lower_partial_moment(
    long_returns: Returns, hedge_returns: Returns, *, p: float = 2.0, target: float = 0.0
) -> HedgeRatio:
    r"""The ratio under which the hedged book falls short of `target` least.

    .. math:: \min_h \frac1T \sum_t \max(\tau - (L_t - h B_t), 0)^p

    p       1 counts shortfall, 2 its square; any number from 1 on
    target  return per session (decimal), zero by default

    Convex for p >= 1. The standard error is the sandwich of the first-order condition for p = 2 and the stationary
    bootstrap otherwise. Raises `DegenerateHedgeError` where no ratio is best.

    References
    ----------
    Bawa (1975), "Optimal Rules for Ordering Uncertain Prospects", J. Financial Economics 2(1).
    """
    given = history(long_returns, hedge_returns)
    value = lower_partial_moment_ratio(given.book, given.hedge, p, target)
    shortfall = np.maximum(target - given.book + value * given.hedge, 0.0)
    if p == 2.0:
        stderr = _sandwich(given.hedge, shortfall)
    else:
        stderr = bootstrap_stderr(given, lambda book, hedge: lower_partial_moment_ratio(book, hedge, p, target))
    return given.result(value, stderr, moment=float((shortfall**p).mean()), n_bad=int((shortfall > 0.0).sum()))


def min_semivariance_ratio(book: Array, hedge: Array) -> float:
    """The ratio of least semivariance about the mean (one window)."""
    return lower_partial_moment_ratio(book - book.mean(), hedge - hedge.mean(), 2.0, 0.0)


def min_semivariance(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""The ratio of least semivariance of the hedged return about its own mean.

    .. math:: \min_h \frac1T \sum_t \min(r_t - \bar r, 0)^2, \quad r_t = L_t - h B_t

    The standard error is the sandwich of the first-order condition. Raises what `lower_partial_moment` raises.

    References
    ----------
    Markowitz (1959), Portfolio Selection, chapter 9.
    """
    given = history(long_returns, hedge_returns)
    value = min_semivariance_ratio(given.book, given.hedge)
    book, hedge = given.book - given.book.mean(), given.hedge - given.hedge.mean()
    shortfall = np.maximum(value * hedge - book, 0.0)
    return given.result(value, _sandwich(hedge, shortfall), semivariance=float((shortfall**2).mean()))


def _first_moment(book: Array, hedge: Array, target: float, ratio: float) -> Line:
    shortfall = target - book + ratio * hedge
    bad = shortfall > 0.0
    n = len(book)
    return float(shortfall[bad].sum()) / n, float(hedge[bad].sum()) / n


def _without_shortfall(excess: Array, hedge: Array) -> float | None:
    """The middle of the ratios without any shortfall, None where there is none."""
    up, down, still = hedge > 0.0, hedge < 0.0, hedge == 0.0
    high = float((excess[up] / hedge[up]).min()) if up.any() else np.inf
    low = float((excess[down] / hedge[down]).max()) if down.any() else -np.inf
    if low > high or (excess[still] < 0.0).any():
        return None
    if not np.isfinite(low) or not np.isfinite(high):
        raise DegenerateHedgeError("more hedge always looks better on these returns: no ratio is best")
    return 0.5 * (low + high)


def _stationary_point(excess: Array, hedge: Array, p: float) -> float:
    """Root of the increasing derivative: Newton, inside a bracket that only shrinks."""

    def slope(ratio: float) -> tuple[float, float]:
        shortfall = np.maximum(ratio * hedge - excess, 0.0)
        bad = shortfall > 0.0
        first = float((hedge[bad] * shortfall[bad] ** (p - 1.0)).sum())
        return first, float((hedge[bad] ** 2 * shortfall[bad] ** (p - 2.0)).sum()) * (p - 1.0)

    point, scale = search_start(excess, hedge)
    low, high = _slope_bracket(slope, point, scale)
    for _ in range(MOST_STEPS):
        first, second = slope(point)
        if first == 0.0:
            return point
        low, high = (point, high) if first < 0.0 else (low, point)
        step = point - first / second if second > 0.0 else np.inf
        nearer = step if low < step < high else 0.5 * (low + high)
        if abs(nearer - point) <= 1e-14 * max(scale, abs(point)):
            return nearer
        point = nearer
    return point


def _slope_bracket(slope: Callable[[float], tuple[float, float]], point: float, scale: float) -> tuple[float, float]:
    """Two ratios between which the derivative changes sign."""
    ends = []
    for direction in (-1.0, 1.0):
        end, step = point, scale
        for _ in range(MOST_DOUBLINGS):
            end, step = end + direction * step, 2.0 * step
            if slope(end)[0] * direction > 0.0:
                break
        else:
            raise DegenerateHedgeError("more hedge always looks better on these returns: no ratio is best")
        ends.append(end)
    return ends[0], ends[1]


def _sandwich(hedge: Array, shortfall: Array) -> float:
    """Standard error of the root of `mean(hedge * shortfall) = 0`."""
    score = hedge * shortfall
    curvature = float((hedge[shortfall > 0.0] ** 2).sum())
    return float(np.sqrt((score**2).sum()) / curvature) if curvature > 0.0 else float("nan")
