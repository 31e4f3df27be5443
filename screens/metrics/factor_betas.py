r"""Regressions of every name on the market and one factor at once, by weighted least squares.

1. For name `i`, :math:`r_{it} = \alpha_i + \beta^M_i m_t + \beta^A_i a^\perp_t + \varepsilon_{it}`, where
   :math:`a^\perp` is what the weighted regression of the factor on the market (same window, same weights) leaves.
2. By the Frisch-Waugh-Lovell theorem :math:`\beta^A` is the factor's coefficient in the joint regression on both, and
   :math:`\beta^M` the slope of the simple regression on the market.
3. A name's missing sessions get weight zero, so everything is a handful of weighted sums over (n_sessions, n_assets).
4. Standard errors are Newey and West (1987) with Bartlett weights on the weighted scores, no small-sample factor.
5. `vasicek` shrinks towards the group's mean by the precision of each estimate, with the estimates' own noise taken out
   of the spread between names (Lally 1998).

Returns are simple and in excess of cash; NaN means no return that session.
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
) -> FactorBetas:
    """Betas of all names to the market and to the part of the factor that is orthogonal to it.

    returns: (n_sessions, n_assets); market, weights: (n_sessions,); factor: (n_sessions,), or (n_sessions, n_assets)
    where each name has a factor of its own (leave-one-out).
    Sessions where the market or the factor is missing count for no name.
    """
    known = np.isfinite(returns)
    row_known = np.isfinite(market) & (np.isfinite(factor) if factor.ndim == 1 else True)
    if not row_known.all():
        returns, market, weights = returns[row_known], market[row_known], weights[row_known]
        factor, known = factor[row_known], known[row_known]
    if factor.ndim == 2:
        return _own_factors(returns, known & np.isfinite(factor), market, factor, weights, fewest, lags)
    whole: Mask = np.asarray(known.all(axis=0))
    if whole.all():
        return _all_known(returns, market, factor, weights, fewest, lags)
    if not whole.any():
        return _with_gaps(returns, known, market, factor, weights, fewest, lags)
    some = _all_known(np.ascontiguousarray(returns[:, whole]), market, factor, weights, fewest, lags)
    rest = _with_gaps(returns[:, ~whole], known[:, ~whole], market, factor, weights, fewest, lags)
    empty = FactorBetas(*np.empty((len(_FIELDS), returns.shape[1])))
    return empty.replaced(whole, some).replaced(~whole, rest)


def _all_known(returns: Floats, market: Floats, factor: Floats, weights: Floats, fewest: int, lags: int) -> FactorBetas:
    """The regressions of names without a missing return: the regressors' moments are shared."""
    n_sessions, n_assets = returns.shape
    w = weights / weights.sum()
    m, a = market - w @ market, factor - w @ factor
    mm = w @ (m * m)
    perp = a - (w @ (m * a)) / mm * m
    variance = w @ (perp * perp)
    mean, beta_m, beta_a = weighted_sums(np.vstack([w, w * m / mm, w * perp / variance]), returns)
    residual = returns - fitted((np.ones(n_sessions), m, perp), (mean, beta_m, beta_a))
    left = weighted_sums(w, residual * residual)
    explained = beta_a**2 * variance
    residual *= (w * perp)[:, None]
    stderr = np.sqrt(_long_run_variance(residual, lags)) / variance
    gain = explained / (left + explained + beta_m**2 * mm)
    n = np.full(n_assets, float(n_sessions))
    return _checked(n, fewest, np.full(n_assets, mm), np.full(n_assets, variance), beta_m, beta_a, stderr, gain, left)


def _with_gaps(
    returns: Floats, known: Mask, market: Floats, factor: Floats, weights: Floats, fewest: int, lags: int
) -> FactorBetas:
    """The same for names that miss sessions: each has moments of its own, all from two sets of sums."""
    m, a = market - weights @ market / weights.sum(), factor - weights @ factor / weights.sum()
    there = known.astype(float)
    r = np.where(known, returns, 0.0)
    w = weights
    with np.errstate(divide="ignore", invalid="ignore"):
        total, sum_m, sum_a, sum_mm, sum_aa, sum_ma = weighted_sums(
            np.vstack([w, w * m, w * a, w * m * m, w * a * a, w * m * a]), there
        )
        mean_m, mean_a = sum_m / total, sum_a / total
        mm, aa, ma = (
            (sum_mm - sum_m * mean_m) / total,
            (sum_aa - sum_a * mean_a) / total,
            (sum_ma - sum_m * mean_a) / total,
        )
        sum_r, sum_mr, sum_ar = weighted_sums(np.vstack([w, w * m, w * a]), r)
        mean_r = sum_r / total
        mr, ar = sum_mr / total - mean_m * mean_r, sum_ar / total - mean_a * mean_r
        slope = ma / mm
        variance = aa - ma * slope
        beta_m, beta_a = mr / mm, (ar - slope * mr) / variance
        columns = np.ones(len(m)), m, a
        perp = fitted(columns, (slope * mean_m - mean_a, -slope, np.ones_like(slope)))
        on_m = beta_m - beta_a * slope
        residual = r - fitted(columns, (mean_r - on_m * mean_m - beta_a * mean_a, on_m, beta_a))
        residual *= there
        left = weighted_sums(w, residual * residual) / total
        perp *= residual
        perp *= w[:, None]
        stderr = np.sqrt(_long_run_variance(perp, lags)) / (variance * total)
        explained = beta_a**2 * variance
        gain = explained / (left + explained + beta_m**2 * mm)
    return _checked(there.sum(axis=0), fewest, mm, variance, beta_m, beta_a, stderr, gain, left)


def _own_factors(
    returns: Floats, known: Mask, market: Floats, factor: Floats, weights: Floats, fewest: int, lags: int
) -> FactorBetas:
    """The same where every name has a factor of its own, (n_sessions, n_assets)."""
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


def weighted_sums(weights: Floats, values: Floats) -> Floats:
    """Sums over sessions: (n_sessions,) or (n, n_sessions) with (n_sessions, n_assets).

    Without the threads of a linear algebra library: for so little work they wait for each other longer than they count,
    on a busy machine twenty times as long.
    """
    return np.asarray(np.einsum("...t,tn->...n", weights, values))


def fitted(regressors: tuple[Floats, ...], slopes: tuple[Floats, ...]) -> Floats:
    """Regressors (n_sessions,) times slopes (n_assets,), added up; shape (n_sessions, n_assets)."""
    return np.asarray(np.einsum("kt,kn->tn", np.vstack(regressors), np.vstack(slopes)))


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
    return float(estimate.mean()), max(float(estimate.var(ddof=1) - (stderr**2).mean()), 0.0)


def market_betas(returns: Floats, market: Floats, *, fewest: int) -> tuple[Floats, Floats]:
    """Unweighted least squares on the market alone: slope, and standard deviation of the residual (n - 2).

    returns: (n_sessions, n_assets), market: (n_sessions,). NaN with fewer than `fewest` common sessions.
    """
    usable = np.isfinite(market)
    returns, market = (returns, market) if usable.all() else (returns[usable], market[usable])
    known = np.isfinite(returns)
    with np.errstate(divide="ignore", invalid="ignore"):
        if known.all():
            n: Floats = np.full(returns.shape[1], float(len(market)))
            r, x, xx = returns, market.sum(), market @ market
        else:
            weights = known.astype(float)
            n, r = weights.sum(axis=0), np.where(known, returns, 0.0)
            x, xx = weighted_sums(market, weights), weighted_sums(market * market, weights)
        y, xy, yy = r.sum(axis=0), weighted_sums(market, r), np.einsum("tn,tn->n", r, r)
        variance = xx - x * x / n
        beta = (xy - x * y / n) / variance
        left = np.maximum(yy - y * y / n - beta * (xy - x * y / n), 0.0)
        good = (n >= fewest) & (variance > 0)
        return np.where(good, beta, np.nan), np.where(good, np.sqrt(left / (n - 2)), np.nan)
