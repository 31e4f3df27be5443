"""Ratios of least tail risk: CVaR and drawdown, solved exactly.

1. `min_cvar`: the mean of the worst `1 - alpha` share of `-(L - h B)` (Rockafellar and Uryasev 2000).
2. `min_drawdown`: the deepest fall of the running sum of `L - h B` from its peak, the start being the first peak.
3. Both are linear programmes whose value is piecewise linear in the ratio: `piecewise.minimise`.
4. Where several ratios do equally well, the middle of them is returned, and the diagnostics say how wide they lie.
5. Standard errors: stationary bootstrap. That of the drawdown ratio depends on one path; the warning says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from basket.hedge.bootstrap import optimal_block, stationary_rows
from basket.hedge.history import Array, History, Returns, history, is_still
from basket.hedge.least_squares import ols_ratio
from basket.hedge.piecewise import Line, minimise
from basket.hedge.result import DegenerateHedgeError, HedgeRatio
from market.errors import ConfigError

STDERR_DRAWS = 200
SEED = 7
TAIL_SESSIONS = 20  # fewer observations in the tail than this decide little


def cvar_line(book: Array, hedge: Array, alpha: float) -> Callable[[float], Line]:
    """Value and slope of the CVaR of losses in the ratio."""
    n = len(book)
    share = (1.0 - alpha) * n
    whole = int(np.floor(share + 1e-9))
    part = max(share - whole, 0.0)

    def line(ratio: float) -> Line:
        loss = ratio * hedge - book
        if whole >= n:
            return float(loss.mean()), float(hedge.mean())
        order = np.argpartition(loss, n - whole - 1)
        tail, edge = order[n - whole :], order[n - whole - 1]
        value = (loss[tail].sum() + part * loss[edge]) / share
        return float(value), float((hedge[tail].sum() + part * hedge[edge]) / share)

    return line


def drawdown_line(book: Array, hedge: Array) -> Callable[[float], Line]:
    """Value and slope of the uncompounded maximum drawdown in the ratio."""
    long_sum = np.concatenate([[0.0], np.cumsum(book)])
    hedge_sum = np.concatenate([[0.0], np.cumsum(hedge)])

    def line(ratio: float) -> Line:
        wealth = long_sum - ratio * hedge_sum
        fall = np.maximum.accumulate(wealth) - wealth
        trough = int(fall.argmax())
        peak = int(wealth[: trough + 1].argmax())
        return float(fall[trough]), float(hedge_sum[trough] - hedge_sum[peak])

    return line


def search_start(book: Array, hedge: Array) -> tuple[float, float]:
    """Where to begin, the least-squares ratio, and the unit of a step, the ratio of volatilities."""
    if is_still(hedge):
        raise DegenerateHedgeError("the hedge does not move")
    scale = float(book.std() / hedge.std())
    return float(ols_ratio(book, hedge)), scale if scale > 0.0 else 1.0


def min_cvar_interval(book: Array, hedge: Array, alpha: float) -> tuple[float, float, float]:
    """Ends of the set of ratios of least CVaR, and that CVaR as a loss."""
    if not 0.0 < alpha < 1.0:
        raise ConfigError(f"min_cvar: alpha must lie between 0 and 1, found {alpha}")
    return minimise(cvar_line(book, hedge, alpha), *search_start(book, hedge))


def min_cvar_ratio(book: Array, hedge: Array, alpha: float = 0.95) -> float:
    """The ratio of least CVaR (one window)."""
    left, right, _ = min_cvar_interval(book, hedge, alpha)
    return 0.5 * (left + right)


def min_cvar(long_returns: Returns, hedge_returns: Returns, *, alpha: float = 0.95) -> HedgeRatio:
    r"""The ratio under which the worst `1 - alpha` share of sessions loses least.

    .. math:: \min_{h, \zeta} \zeta + \frac{1}{(1 - \alpha) T} \sum_t (-(L_t - h B_t) - \zeta)^+

    A tail of fewer than twenty sessions draws a warning. Raises `DegenerateHedgeError` where no ratio is best.

    References
    ----------
    Rockafellar and Uryasev (2000), "Optimization of Conditional Value-at-Risk", J. Risk 2(3).
    """
    given = history(long_returns, hedge_returns)
    left, right, least = min_cvar_interval(given.book, given.hedge, alpha)
    tail = (1.0 - alpha) * given.n_sessions
    warning = f"the tail holds {tail:.1f} sessions; below {TAIL_SESSIONS} it decides little"
    return given.result(
        0.5 * (left + right),
        bootstrap_stderr(given, lambda book, hedge: min_cvar_ratio(book, hedge, alpha)),
        warning if tail < TAIL_SESSIONS - 1e-9 else "",
        left=left,
        right=right,
        cvar=-least,
        tail_sessions=tail,
    )


def min_drawdown_ratio(book: Array, hedge: Array) -> float:
    """The ratio of least uncompounded drawdown (one window)."""
    left, right, _ = minimise(drawdown_line(book, hedge), *search_start(book, hedge))
    return 0.5 * (left + right)


def min_drawdown(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""The ratio of least maximum drawdown of the uncompounded hedged return.

    .. math:: \min_h \max_{s \le t} (c_s - c_t), \quad c_t = \sum_{u \le t} (L_u - h B_u), \quad c_0 = 0

    It hangs on two dates. Raises `DegenerateHedgeError` where no ratio is best.

    References
    ----------
    Chekhlov, Uryasev and Zabarankin (2005), "Drawdown Measure in Portfolio Optimization", IJTAF 8(1).
    """
    given = history(long_returns, hedge_returns)
    left, right, least = minimise(drawdown_line(given.book, given.hedge), *search_start(given.book, given.hedge))
    return given.result(
        0.5 * (left + right),
        bootstrap_stderr(given, min_drawdown_ratio),
        "one path decides: two dates set this ratio",
        left=left,
        right=right,
        max_drawdown=-least,
    )


def bootstrap_stderr(given: History, ratio: Callable[[Array, Array], float]) -> float:
    """Standard deviation of a ratio over 200 stationary-bootstrap resamples; NaN where fewer than half have one."""
    moved_book, moved_hedge = given.book - given.book.mean(), given.hedge - given.hedge.mean()
    block = optimal_block(moved_book * moved_hedge)
    drawn = []
    for rows in stationary_rows(given.n_sessions, STDERR_DRAWS, block, SEED):
        try:
            drawn.append(ratio(given.book[rows], given.hedge[rows]))
        except DegenerateHedgeError:
            continue
    return float(np.std(drawn, ddof=1)) if len(drawn) >= STDERR_DRAWS // 2 else float("nan")
