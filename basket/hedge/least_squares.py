"""Least squares of the book on the hedge: all history, a rolling window, exponential weights.

1. `h = Cov(L, B) / Var(B)`, the intercept always in: the ratio of least variance (Johnson 1960, Ederington 1979).
2. `rolling` is the same on the last `window` sessions.
3. `ewma` replaces the moments by RiskMetrics recursions about zero, seeded with the first products.
4. The ratio functions work on the last axis, so that a walk-forward fits every window in one call.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, History, Returns, history
from basket.hedge.result import HedgeRatio, ShortHistoryError
from market.errors import ConfigError

ROLLING_SESSIONS = 252  # one year
RISKMETRICS_DAILY = 0.94  # RiskMetrics Technical Document (1996), daily data


def ols_ratio(book: Array, hedge: Array) -> Array:
    """`Cov(book, hedge) / Var(hedge)` along the last axis."""
    book_moved = book - book.mean(axis=-1, keepdims=True)
    hedge_moved = hedge - hedge.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (book_moved * hedge_moved).sum(axis=-1) / (hedge_moved * hedge_moved).sum(axis=-1)


def ols(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""Dollars of hedge to short per dollar of book that minimise variance.

    Both are simple returns per session; sessions without both are dropped.

    .. math:: h^* = \operatorname{Cov}(r_L, r_B) / \operatorname{Var}(r_B)

    The standard error is the classical one of the regression with an intercept; `stderr_newey_west` stands beside it.
    Raises `DegenerateHedgeError` where the hedge does not move, `ShortHistoryError` below three sessions.

    References
    ----------
    Ederington (1979), "The Hedging Performance of the New Futures Markets", J. Finance 34(1).

    >>> ols([0.02, -0.01, 0.03, 0.00], [0.01, -0.01, 0.02, 0.01]).value
    1.263...
    """
    return _regression(history(long_returns, hedge_returns))


def rolling(long_returns: Returns, hedge_returns: Returns, *, window: int = ROLLING_SESSIONS) -> HedgeRatio:
    """`ols` on the last `window` sessions; refuses where there are fewer."""
    if window < 3:
        raise ConfigError(f"rolling: window must be at least 3 sessions, found {window}")
    full = history(long_returns, hedge_returns)
    if full.n_sessions < window:
        raise ShortHistoryError(f"rolling needs {window} sessions, has {full.n_sessions}; shorten `window`")
    sessions = full.sessions[-window:] if full.sessions is not None else None
    # `history` again, so that a hedge which stood still in the window is refused like any other
    recent = history(full.book[-window:], full.hedge[-window:])
    return _regression(History(recent.book, recent.hedge, {}, {}, sessions, full.n_dropped))


def rolling_ratio(book: Array, hedge: Array, window: int = ROLLING_SESSIONS) -> Array:
    """`ols_ratio` of the last `window` sessions."""
    if book.shape[-1] < window:
        raise ShortHistoryError(f"rolling needs {window} sessions, has {book.shape[-1]}; shorten `window`")
    return ols_ratio(book[..., -window:], hedge[..., -window:])


def ewma_weights(n_sessions: int, lam: float) -> Array:
    """Weights of the recursion `c_t = lam c_{t-1} + (1 - lam) x_t`, seeded with `c_1 = x_1`; they sum to one."""
    if not 0.0 < lam < 1.0:
        raise ConfigError(f"ewma: lam must lie between 0 and 1, found {lam}")
    weights = (1.0 - lam) * lam ** np.arange(n_sessions - 1, -1, -1, dtype=np.float64)
    weights[0] = lam ** (n_sessions - 1)
    return weights


def ewma_ratio(book: Array, hedge: Array, lam: float = RISKMETRICS_DAILY) -> Array:
    """Ratio of exponentially weighted products about zero, along the last axis."""
    weights = ewma_weights(book.shape[-1], lam)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (weights * book * hedge).sum(axis=-1) / (weights * hedge * hedge).sum(axis=-1)


def ewma(long_returns: Returns, hedge_returns: Returns, *, lam: float = RISKMETRICS_DAILY) -> HedgeRatio:
    r"""Least squares that forgets: RiskMetrics covariance over RiskMetrics variance, zero mean.

    .. math:: c_t = \lambda c_{t-1} + (1 - \lambda) r_{L,t} r_{B,t}, \quad h_t = c_t / v_t

    `lam` is the decay a session; both recursions start at the first product. Below three times the mean memory
    `1 / (1 - lam)` the seed still shows, and `warning` says so. The standard error is that of weighted least squares
    through the origin. Raises `DegenerateHedgeError`, `ConfigError` for `lam` outside (0, 1).

    References
    ----------
    J.P. Morgan (1996), RiskMetrics Technical Document, 4th ed.
    """
    given = history(long_returns, hedge_returns, least=2)
    weights = ewma_weights(given.n_sessions, lam)
    value = float(ewma_ratio(given.book, given.hedge, lam))
    residual = given.book - value * given.hedge
    energy = float((weights * given.hedge**2).sum())
    stderr = float(np.sqrt((weights**2 * given.hedge**2 * residual**2).sum())) / energy
    burn_in = int(np.ceil(3.0 / (1.0 - lam)))
    warning = f"fewer than {burn_in} sessions: the seed still shows" if given.n_sessions < burn_in else ""
    return given.result(
        value,
        stderr,
        warning,
        effective_sessions=float(1.0 / (weights**2).sum()),
        volatility_hedge=float(np.sqrt(energy * 252.0)),
    )


def newey_west_lag(n_sessions: int) -> int:
    """The usual rule for the Bartlett window: `floor(4 (n / 100)^(2/9))` (Newey and West 1994)."""
    return int(4.0 * (n_sessions / 100.0) ** (2.0 / 9.0))


def long_run_variance(scores: Array, lag: int) -> float:
    """Bartlett-weighted sum of autocovariances of mean-zero scores, shape (n_sessions,), times n."""
    total = float((scores * scores).sum())
    for k in range(1, min(lag, len(scores) - 1) + 1):
        total += 2.0 * (1.0 - k / (lag + 1.0)) * float((scores[k:] * scores[:-k]).sum())
    return total


def _regression(given: History) -> HedgeRatio:
    n = given.n_sessions
    value = float(ols_ratio(given.book, given.hedge))
    alpha = float(given.book.mean() - value * given.hedge.mean())
    residual = given.book - alpha - value * given.hedge
    moved = given.hedge - given.hedge.mean()
    energy = float((moved * moved).sum())
    lag = newey_west_lag(n)
    spread = float((residual * residual).sum())
    total = float(((given.book - given.book.mean()) ** 2).sum())
    return given.result(
        value,
        float(np.sqrt(spread / (n - 2) / energy)),
        alpha=alpha,
        r_squared=1.0 - spread / total if total > 0.0 else 0.0,
        residual_volatility=float(np.sqrt(spread / (n - 2) * 252.0)),
        stderr_newey_west=float(np.sqrt(max(long_run_variance(moved * residual, lag), 0.0)) / energy),
        newey_west_lag=lag,
    )
