r"""Regressions of every name on the market and one factor at once, by weighted least squares.

1. For name `i`, :math:`r_{it} = \alpha_i + \beta^M_i m_t + \beta^A_i a^\perp_t + \varepsilon_{it}`, where
   :math:`a^\perp` is what the weighted regression of the factor on the market (same window, same weights) leaves.
2. By the Frisch-Waugh-Lovell theorem :math:`\beta^A` is the factor's coefficient in the joint regression on both, and
   :math:`\beta^M` the slope of the simple regression on the market.
3. A name's missing sessions get weight zero; the sums are compiled (`return_windows`).
4. Standard errors are Newey and West (1987) with Bartlett weights on the weighted scores, no small-sample factor.
5. `vasicek` shrinks towards the group's mean by the precision of each estimate, with the estimates' own noise taken out
   of the spread between names (Lally 1998).

Returns are simple; NaN means no return that session. No sum depends on the order of names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screens.metrics.tier_rule import Floats, Mask

_FIELDS = ("market", "factor", "stderr", "gain", "residual_deviation", "n_sessions")
Columns = NDArray[np.int64] | Mask
SMALLEST_GROUP = 5  # smaller groups shrink towards the mean of all


@dataclass(frozen=True)
class FactorBetas:
    """One regression a name; all shapes (n_assets,), NaN with fewer observations than asked for."""

    market: Floats
    factor: Floats
    stderr: Floats  # Newey-West, of `factor`
    gain: Floats  # share of the weighted variance that the factor explains beyond the market
    residual_deviation: Floats  # weighted standard deviation of a session's residual
    n_sessions: Floats

    def replaced(self, columns: Columns, other: FactorBetas) -> FactorBetas:
        """The same with the names at `columns` (positions or a mask) taken from `other`, in its order."""
        figures = []
        for name in _FIELDS:
            figure = getattr(self, name).copy()
            figure[columns] = getattr(other, name)
            figures.append(figure)
        return FactorBetas(*figures)


def ewma_weights(n_sessions: int, half_life: float) -> Floats:
    """Weights that halve every `half_life` sessions backwards, oldest first, summing to one."""
    weights = 0.5 ** (np.arange(n_sessions - 1, -1, -1) / half_life)
    return weights / weights.sum()


def factor_betas(
    returns: Floats,
    market: Floats,
    factor: Floats,
    weights: Floats,
    *,
    fewest: int = 126,
    lags: int = 5,
    cash: Floats | None = None,
) -> FactorBetas:
    """Betas of all names to the market and to the part of the factor that is orthogonal to it.

    returns: (n_sessions, n_assets); market, weights: (n_sessions,); factor: (n_sessions,), or (n_sessions, n_assets)
    where each name has a factor of its own (leave-one-out).
    Market and factor are in excess of cash; `cash`, (n_sessions,), is taken off the returns here.
    Sessions where the market or the factor is missing count for no name.
    """
    cash = np.zeros(len(returns)) if cash is None else cash
    row_known = np.isfinite(market) & (np.isfinite(factor) if factor.ndim == 1 else True)
    if not row_known.all():
        returns, market, factor = returns[row_known], market[row_known], factor[row_known]
        weights, cash = weights[row_known], cash[row_known]
    if factor.ndim == 2:
        returns = returns - cash[:, None]
        known = np.isfinite(returns) & np.isfinite(factor)
        return _own_factors(returns, known, market, factor, weights, fewest, lags)
    from screens.metrics.return_windows import in_one_piece, joint_slopes  # compiled code: loaded when first asked for

    with np.errstate(divide="ignore", invalid="ignore"):
        w = weights / weights.sum()
        m, a = market - w @ market, factor - w @ factor
        a = a - (w @ (m * a)) / (w @ (m * m)) * m
    return FactorBetas(*joint_slopes(in_one_piece(returns), cash, m, a, w, fewest, lags))


def _own_factors(
    returns: Floats, known: Mask, market: Floats, factor: Floats, weights: Floats, fewest: int, lags: int
) -> FactorBetas:
    """The regressions where every name has a factor of its own, (n_sessions, n_assets)."""
    w = np.where(known, weights[:, None], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        w /= w.sum(axis=0)
        r = np.where(known, returns, 0.0)
        r = r - (w * r).sum(axis=0)
        m = market[:, None] - (w * market[:, None]).sum(axis=0)
        a = np.where(known, factor, 0.0)
        a = a - (w * a).sum(axis=0)
        wm = w * m
        mm = (wm * m).sum(axis=0)
        perp = a - (wm * a).sum(axis=0) / mm * m
        w_perp = w * perp
        variance = (w_perp * perp).sum(axis=0)
        beta_m, beta_a = (wm * r).sum(axis=0) / mm, (w_perp * r).sum(axis=0) / variance
        residual = r - beta_m * m - beta_a * perp
        left = (w * residual**2).sum(axis=0)
        explained = beta_a**2 * variance
        stderr = np.sqrt(_long_run_variance(w_perp * residual, lags)) / variance
        gain = explained / (left + explained + beta_m**2 * mm)
    return _checked(known.sum(axis=0).astype(float), fewest, mm, variance, beta_m, beta_a, stderr, gain, left)


def _checked(
    n: Floats,
    fewest: int,
    mm: Floats,
    variance: Floats,
    beta_m: Floats,
    beta_a: Floats,
    stderr: Floats,
    gain: Floats,
    left: Floats,
) -> FactorBetas:
    good = (n >= fewest) & (mm > 0) & (variance > 0)
    deviation = np.sqrt(np.maximum(left, 0.0))
    kept = [np.where(good, figure, np.nan) for figure in (beta_m, beta_a, stderr, gain, deviation)]
    return FactorBetas(kept[0], kept[1], kept[2], kept[3], kept[4], n)


def _long_run_variance(scores: Floats, lags: int) -> Floats:
    """Sum over t, s of (1 - |t-s|/(lags+1)) u_t u_s for each column.

    The Bartlett kernel is a box of lags + 1 sessions convolved with itself, so this is the sum of squared moving sums.
    """
    n_sessions, n_assets = scores.shape
    sums = np.zeros((n_sessions + lags, n_assets))
    for lag in range(lags + 1):
        sums[lag : lag + n_sessions] += scores
    sums *= sums
    return sums.sum(axis=0) / (lags + 1)


def vasicek(
    estimate: Floats, stderr: Floats, groups: np.ndarray, prior: Mask | None = None
) -> tuple[Floats, Floats, Floats]:
    r"""Shrink estimates towards the mean of their group.

    .. math:: \tilde\beta = \frac{\tau^2 \hat\beta + s^2 \bar\beta}{\tau^2 + s^2}, \quad
              \tau^2 = \max(\operatorname{Var}(\hat\beta) - \overline{s^2}, 0)

    `groups` holds labels, shape (n_assets,); `prior` says whose estimates make the group's mean and spread (all known
    ones by default). Groups of fewer than five borrow mean and spread from all. Returns (shrunk, mean, tau squared).

    References: Vasicek (1973), J. Finance 28(5); Lally (1998), Accounting and Finance 38(2).
    """
    known = np.isfinite(estimate) & np.isfinite(stderr)
    inside = known if prior is None else known & prior
    mean, spread = np.full(estimate.shape, np.nan), np.full(estimate.shape, np.nan)
    mean[:], spread[:] = _prior(estimate[inside], stderr[inside])
    for label in set(groups[inside].tolist()):
        here = inside & (groups == label)
        if here.sum() >= SMALLEST_GROUP:
            everyone = groups == label
            mean[everyone], spread[everyone] = _prior(estimate[here], stderr[here])
    return shrink(estimate, stderr, mean, spread), mean, spread


def shrink(estimate: Floats, stderr: Floats, mean: Floats, spread: Floats) -> Floats:
    """The precision-weighted mean of an estimate and its prior; the prior's mean where its spread is zero.

    >>> round(float(shrink(np.array(1.8), np.array(0.4), np.array(1.1), np.array(0.09))), 3)
    1.352
    """
    noise = stderr**2
    shrunk = (spread * estimate + noise * mean) / (spread + noise)
    return np.asarray(np.where((spread == 0) & ~np.isnan(estimate), mean, shrunk))  # exactly, so that ties stay ties


def _prior(estimate: Floats, stderr: Floats) -> tuple[float, float]:
    if estimate.size == 0:
        return np.nan, np.nan
    if estimate.size == 1:
        return float(estimate[0]), 0.0
    estimate, noise = np.sort(estimate), np.sort(stderr**2)  # sums that do not depend on the order of names
    return float(estimate.mean()), max(float(estimate.var(ddof=1) - noise.mean()), 0.0)


def market_betas(returns: Floats, market: Floats, *, fewest: int, cash: Floats | None = None) -> tuple[Floats, Floats]:
    """Unweighted least squares on the market alone: slope, and standard deviation of the residual (n - 2).

    returns: (n_sessions, n_assets), market: (n_sessions,), in excess of cash, which is taken off the returns here.
    NaN with fewer than `fewest` common sessions.
    """
    from screens.metrics.return_windows import in_one_piece, slopes  # compiled code: loaded when first asked for

    cash = np.zeros(len(returns)) if cash is None else cash
    usable = np.isfinite(market)
    if not usable.all():
        returns, market, cash = returns[usable], market[usable], cash[usable]
    n, beta, deviation = slopes(in_one_piece(returns), cash, market)
    return np.where(n >= fewest, beta, np.nan), np.where(n >= fewest, deviation, np.nan)
