"""Ratios for prices that react late: Scholes-Williams and Dimson.

1. `scholes_williams`: slopes on the hedge one session earlier, the same, one later, added, over `1 + 2 rho`.
2. `dimson`: one multiple regression on the hedge and its lags; the ratio is the sum of the slopes.
3. "Later" is later within the history handed in: every return used lies before the session the ratio is for. A Dimson
   lead is for diagnostics: it shortens nothing and costs a session.
4. Lags run over the sessions that remain after those without returns are dropped.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.least_squares import ols_ratio
from basket.hedge.result import DegenerateHedgeError, HedgeRatio, ShortHistoryError
from market.errors import ConfigError

LEAST_SESSIONS = 10
LEAST_DIVISOR = 0.1  # 1 + 2 rho nearer to zero than this multiplies noise by ten


def scholes_williams_ratio(book: Array, hedge: Array) -> Array:
    """The Scholes-Williams ratio along the last axis; NaN where `1 + 2 rho` is too small."""
    early = ols_ratio(book[..., 1:], hedge[..., :-1])
    same = ols_ratio(book, hedge)
    late = ols_ratio(book[..., :-1], hedge[..., 1:])
    divisor = 1.0 + 2.0 * _autocorrelation(hedge)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(divisor > LEAST_DIVISOR, (early + same + late) / divisor, np.nan)


def scholes_williams(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""The ratio when book and hedge do not trade at the same instant.

    .. math:: h = (\beta_{-1} + \beta_0 + \beta_{+1}) / (1 + 2 \rho_1)

    with univariate slopes of :math:`L_t` on :math:`B_{t-1}, B_t, B_{t+1}` and the hedge's first autocorrelation.
    The standard error is that of the equivalent instrumental variable :math:`B_{t-1} + B_t + B_{t+1}`.
    Raises `DegenerateHedgeError` where :math:`1 + 2\rho_1` is at most 0.1.

    References
    ----------
    Scholes and Williams (1977), "Estimating Betas from Nonsynchronous Data", J. Financial Economics 5(3).
    """
    given = history(long_returns, hedge_returns, least=LEAST_SESSIONS)
    book, hedge = given.book, given.hedge
    rho = float(_autocorrelation(hedge))
    if 1.0 + 2.0 * rho <= LEAST_DIVISOR:
        raise DegenerateHedgeError(f"the hedge's autocorrelation is {rho:.3f}: 1 + 2 rho is too near to zero")
    value = float(scholes_williams_ratio(book, hedge))
    instrument = hedge[:-2] + hedge[1:-1] + hedge[2:]
    instrument = instrument - instrument.mean()
    residual = book[1:-1] - value * hedge[1:-1]
    residual = residual - residual.mean()
    spread = float(residual @ residual) / (len(residual) - 2) * float(instrument @ instrument)
    return given.result(
        value,
        float(np.sqrt(spread) / abs(float(instrument @ hedge[1:-1]))),
        slope_before=float(ols_ratio(book[1:], hedge[:-1])),
        slope_same=float(ols_ratio(book, hedge)),
        slope_after=float(ols_ratio(book[:-1], hedge[1:])),
        autocorrelation=rho,
    )


def dimson_ratio(book: Array, hedge: Array, lags: int = 1, leads: int = 0) -> float:
    """Sum of the slopes on the hedge and its lags (one window)."""
    slopes, *_ = _lagged_regression(book, hedge, lags, leads)
    return float(slopes[1:].sum())


def dimson(long_returns: Returns, hedge_returns: Returns, *, lags: int = 1, leads: int = 0) -> HedgeRatio:
    r"""The ratio when the book answers late: the sum of the slopes on the hedge now and in sessions before.

    .. math:: r_{L,t} = a + \sum_{k=-\text{leads}}^{\text{lags}} b_k r_{B,t-k} + e_t, \quad h = \sum_k b_k

    lags, leads  sessions; the default is one lag and no lead

    The standard error is that of the sum. Raises `ShortHistoryError`, and `DegenerateHedgeError` where the lagged
    returns are collinear.

    References
    ----------
    Dimson (1979), "Risk Measurement When Shares Are Subject to Infrequent Trading", J. Financial Economics 7(2).
    """
    given = history(long_returns, hedge_returns)
    slopes, covariance, names = _lagged_regression(given.book, given.hedge, lags, leads)
    each = {name: float(slope) for name, slope in zip(names, slopes[1:], strict=True)}
    return given.result(float(slopes[1:].sum()), float(np.sqrt(covariance[1:, 1:].sum())), slopes=each)


def _lagged_regression(book: Array, hedge: Array, lags: int, leads: int) -> tuple[Array, Array, list[str]]:
    if lags < 0 or leads < 0:
        raise ConfigError(f"dimson: lags and leads cannot be negative, found {lags} and {leads}")
    n = len(book) - lags - leads
    if n < max(LEAST_SESSIONS - 1, lags + leads + 4):
        raise ShortHistoryError(f"dimson with {lags} lags and {leads} leads needs more than {len(book)} sessions")
    shifts = range(-leads, lags + 1)
    columns = [hedge[lags - k : lags - k + n] for k in shifts]
    design = np.column_stack([np.ones(n), *columns])
    answer = book[lags : lags + n]
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DegenerateHedgeError("the hedge's lagged returns are collinear")
    slopes = np.asarray(np.linalg.lstsq(design, answer, rcond=None)[0], dtype=np.float64)
    residual = answer - design @ slopes
    spread = float(residual @ residual) / (n - design.shape[1])
    names = [f"lag_{k}" if k >= 0 else f"lead_{-k}" for k in shifts]
    return slopes, spread * np.asarray(np.linalg.inv(design.T @ design), dtype=np.float64), names


def _autocorrelation(hedge: Array) -> Array:
    """Correlation of each return with the one before, along the last axis."""
    now = hedge[..., 1:] - hedge[..., 1:].mean(axis=-1, keepdims=True)
    before = hedge[..., :-1] - hedge[..., :-1].mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((now * now).sum(axis=-1) * (before * before).sum(axis=-1))
        return (now * before).sum(axis=-1) / scale
