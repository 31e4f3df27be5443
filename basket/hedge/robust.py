"""Regressions that a few wild sessions cannot move, or that look at the bad ones on purpose.

1. `huber`: least squares with large residuals bounded, by reweighting until nothing changes; scale by the median
   absolute residual.
2. `quantile`: the slope of the `tau` quantile of the book given the hedge. It is the ratio of least CVaR of the
   demeaned returns at `alpha = 1 - tau` (Bassett, Koenker and Kordas 2004), and is solved as such, exactly.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.least_squares import ols_ratio
from basket.hedge.result import DegenerateHedgeError, HedgeRatio, ShortHistoryError
from basket.hedge.tail import min_cvar_interval
from market.errors import ConfigError

HUBER_T = 1.345  # 95 % efficient under normal errors
NORMAL_MAD = 0.6744897501960817  # median of |z|
MOST_ITERATIONS = 200
CONVERGED = 1e-10
QUANTILE_SESSIONS = 20  # in the smaller tail


def huber_fit(book: Array, hedge: Array, t: float) -> tuple[float, float, float]:
    """Slope, intercept and scale of the Huber regression (one window)."""
    if t <= 0.0:
        raise ConfigError(f"huber: t must be positive, found {t}")
    slope = float(ols_ratio(book, hedge))
    alpha = float(book.mean() - slope * hedge.mean())
    size = float(book.std()) or 1.0
    for _ in range(MOST_ITERATIONS):
        residual = np.abs(book - alpha - slope * hedge)
        scale = float(np.median(residual)) / NORMAL_MAD
        if scale <= 1e-14 * size:  # more than half of the sessions lie on the line
            return slope, alpha, 0.0
        weight = np.minimum(1.0, t * scale / np.maximum(residual, t * scale * 1e-9))
        total = weight.sum()
        hedge_mean, book_mean = (weight @ hedge) / total, (weight @ book) / total
        moved = hedge - hedge_mean
        nearer = float(((weight * moved) @ (book - book_mean)) / ((weight * moved) @ moved))
        intercept = float(book_mean - nearer * hedge_mean)
        done = abs(nearer - slope) <= CONVERGED * max(1.0, abs(nearer))
        slope, alpha = nearer, intercept
        if done:
            return slope, alpha, scale
    raise DegenerateHedgeError("huber: the reweighting did not settle")


def huber_ratio(book: Array, hedge: Array, t: float = HUBER_T) -> float:
    """Slope of the Huber regression (one window)."""
    return huber_fit(book, hedge, t)[0]


def huber(long_returns: Returns, hedge_returns: Returns, *, t: float = HUBER_T) -> HedgeRatio:
    r"""Least squares that counts residuals beyond `t` scales by their size instead of their square.

    .. math:: \min_{a, h} \sum_t \rho\left(\frac{L_t - a - h B_t}{s}\right), \quad
              \rho(u) = \tfrac12 u^2 \text{ for } |u| \le t, \; t|u| - \tfrac12 t^2 \text{ beyond}

    :math:`s` is the median absolute residual over 0.6745. The standard error is Huber's first proposal (H1).
    Raises `DegenerateHedgeError` where the hedge does not move.

    References
    ----------
    Huber (1981), Robust Statistics, chapter 7.
    """
    given = history(long_returns, hedge_returns, least=5)
    slope, alpha, scale = huber_fit(given.book, given.hedge, t)
    if scale == 0.0:
        return given.result(slope, 0.0, "more than half of the sessions fit exactly", alpha=alpha, scale=0.0)
    n = given.n_sessions
    standard = (given.book - alpha - slope * given.hedge) / scale
    bounded = np.clip(standard, -t, t)
    inside = (np.abs(standard) <= t).astype(np.float64)
    correction = 1.0 + 2.0 / n * float(inside.var()) / float(inside.mean()) ** 2
    spread = float((bounded**2).sum()) / (n - 2) * scale**2 / float(inside.mean()) ** 2
    moved = given.hedge - given.hedge.mean()
    return given.result(
        slope,
        correction * float(np.sqrt(spread / (moved @ moved))),
        alpha=alpha,
        scale=scale,
        share_bounded=1.0 - float(inside.mean()),
        ols=float(ols_ratio(given.book, given.hedge)),
    )


def quantile_least_sessions(tau: float) -> int:
    """Sessions needed for twenty in the smaller tail."""
    if not 0.0 < tau < 1.0:
        raise ConfigError(f"quantile: tau must lie between 0 and 1, found {tau}")
    return int(np.ceil(QUANTILE_SESSIONS / min(tau, 1.0 - tau) - 1e-9))


def quantile_ratio(book: Array, hedge: Array, tau: float = 0.05) -> float:
    """Slope of the quantile regression (one window)."""
    if len(book) < quantile_least_sessions(tau):
        raise ShortHistoryError(f"quantile at tau {tau} needs {quantile_least_sessions(tau)} sessions, has {len(book)}")
    left, right, _ = min_cvar_interval(book - book.mean(), hedge - hedge.mean(), 1.0 - tau)
    return 0.5 * (left + right)


def quantile(long_returns: Returns, hedge_returns: Returns, *, tau: float = 0.05) -> HedgeRatio:
    r"""Slope of the book's conditional `tau` quantile in the hedge: the ratio on the book's bad sessions.

    .. math:: \min_{a, h} \sum_t \rho_\tau(L_t - a - h B_t), \quad \rho_\tau(u) = u(\tau - 1[u < 0])

    At least twenty sessions in the smaller tail are required: 400 for `tau` 0.05. The standard error is the sandwich
    with an Epanechnikov kernel and the Hall-Sheather bandwidth. Raises `ShortHistoryError`, `DegenerateHedgeError`.

    References
    ----------
    Koenker and Bassett (1978), "Regression Quantiles", Econometrica 46(1).
    """
    given = history(long_returns, hedge_returns, least=quantile_least_sessions(tau))
    slope = quantile_ratio(given.book, given.hedge, tau)
    alpha = float(np.quantile(given.book - slope * given.hedge, tau, method="inverted_cdf"))
    residual = given.book - alpha - slope * given.hedge
    return given.result(slope, _quantile_stderr(given.book, given.hedge, residual, tau), alpha=alpha)


def _quantile_stderr(book: Array, hedge: Array, residual: Array, tau: float) -> float:
    """Powell's sandwich: kernel density of the residuals at zero, bandwidth by Hall and Sheather (1988)."""
    from scipy.special import ndtri

    n = len(book)
    z = float(ndtri(tau))
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    width = n ** (-1.0 / 3.0) * float(ndtri(0.975)) ** (2.0 / 3.0)
    width *= (1.5 * density**2 / (2.0 * z * z + 1.0)) ** (1.0 / 3.0)
    width = min(width, 0.9 * min(tau, 1.0 - tau))
    quartiles = np.quantile(residual, [0.25, 0.75])
    spread = min(float(book.std()), float(quartiles[1] - quartiles[0]) / 1.34)
    bandwidth = spread * float(ndtri(tau + width) - ndtri(tau - width))
    if bandwidth <= 0.0:
        return float("nan")
    u = residual / bandwidth
    at_zero = float(np.where(np.abs(u) <= 1.0, 0.75 * (1.0 - u * u), 0.0).sum()) / (n * bandwidth)
    if at_zero <= 0.0:
        return float("nan")
    weight = np.where(residual > 0.0, tau, 1.0 - tau) / at_zero
    moved = hedge - hedge.mean()
    return float(np.sqrt(((weight * moved) ** 2).sum()) / (moved @ moved))
