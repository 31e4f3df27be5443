r"""How much of each name: the base weights, before caps and constraints.

All functions return (n_assets,) weights that are non-negative and sum to 1. A figure that is missing never drops a
name: a missing volatility counts as the median one, a missing market capitalisation as the smallest one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from market.errors import DataError

Floats = npt.NDArray[np.float64]

RISK_PARITY_TOLERANCE = 1e-12
NEWTON_STEPS = 100  # converges in about ten; more means a covariance that is not positive definite


def equal(n_assets: int) -> Floats:
    """The same weight for each of n names."""
    return np.full(n_assets, 1.0 / n_assets)


def cap_power(market_cap: Floats, power: float = 1.0) -> Floats:
    """Proportional to market capitalisation (USD) to a power; 1 is capitalisation weighting, 0.5 its square root.

    >>> cap_power(np.array([4.0, 1.0]), 0.5).round(6).tolist()
    [0.666667, 0.333333]
    """
    known = market_cap[np.isfinite(market_cap) & (market_cap > 0)]
    if known.size == 0:
        raise DataError("no name has a market capitalisation: weigh equally, or bring the table market_cap")
    size = np.where(np.isfinite(market_cap) & (market_cap > 0), market_cap, known.min())
    raw = (size / size.max()) ** power
    return raw / raw.sum()


def inverse_volatility(returns: Floats, floor_percentile: float = 10.0) -> Floats:
    """Proportional to 1/σ; σ below the given percentile of the cross-section counts as that percentile.

    `returns` (n_sessions, n_assets): simple returns, NaN where missing.
    """
    enough = np.isfinite(returns).sum(axis=0) >= 2
    sigma = np.full(returns.shape[1], np.nan)
    sigma[enough] = np.nanstd(returns[:, enough], axis=0, ddof=1)
    known = sigma[np.isfinite(sigma) & (sigma > 0)]
    if known.size == 0:
        raise DataError("no name has a volatility: its returns are missing or constant")
    sigma = np.where(np.isfinite(sigma) & (sigma > 0), sigma, np.median(known))
    raw = 1.0 / np.maximum(sigma, np.percentile(known, floor_percentile))
    return raw / raw.sum()


def score_tilt(base: Floats, score: Floats, strength: float) -> Floats:
    r"""Base weights times :math:`e^{\kappa z}`, z the score standardised over the names; a missing score has z 0."""
    spread = np.nanstd(score)
    z = np.nan_to_num((score - np.nanmean(score)) / spread) if spread > 0 else np.zeros(score.size)
    raw = base * np.exp(strength * z)
    return raw / raw.sum()


def covariance(returns: Floats) -> Floats:
    """Covariance per session, shrunk towards a multiple of the identity by the Ledoit-Wolf (2004) intensity.

    `returns` (n_sessions, n_assets); a missing return counts as that session's mean over the names.
    Reference: Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88(2).
    """
    known = np.isfinite(returns)
    per_session = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, returns, per_session[:, None])
    centred = filled - filled.mean(axis=0)
    n_sessions, n_assets = centred.shape
    sample = centred.T @ centred / n_sessions
    level = np.trace(sample) / n_assets
    distance = ((sample - level * np.eye(n_assets)) ** 2).sum()
    # Σ_t ‖x_t x_t' − S‖² = Σ_t (x_t'x_t)² − T‖S‖²
    noise = ((centred**2).sum(axis=1) ** 2).sum() / n_sessions**2 - (sample**2).sum() / n_sessions
    shrinkage = 0.0 if distance == 0 else float(min(max(noise / distance, 0.0), 1.0))
    return (1 - shrinkage) * sample + shrinkage * level * np.eye(n_assets)


def risk_parity(cov: Floats, budget: Floats | None = None) -> Floats:
    r"""Weights whose contributions to variance, w·(Σw), are equal (or in proportion to `budget`).

    The minimum of :math:`\tfrac12 y'\Sigma y - \sum b_i \ln y_i` by Newton steps, then scaled to sum 1.
    Reference: Spinu (2013), "An Algorithm for Computing Risk Parity Weights".
    """
    n_assets = cov.shape[0]
    share = np.full(n_assets, 1.0 / n_assets) if budget is None else budget / budget.sum()
    sigma = np.sqrt(np.diag(cov))
    if not np.all(sigma > 0):
        raise DataError("risk parity needs a positive variance for every name")
    corr = cov / np.outer(sigma, sigma)
    y = np.full(n_assets, np.sqrt(1.0 / corr.sum())) if corr.sum() > 0 else np.full(n_assets, n_assets**-0.5)
    for _ in range(NEWTON_STEPS):
        gradient = corr @ y - share / y
        if np.abs(y * gradient).max() < RISK_PARITY_TOLERANCE:
            break
        step = np.linalg.solve(corr + np.diag(share / y**2), gradient)
        # Stay inside the positive orthant, where the barrier is defined.
        longest = np.max(step / y)
        y = y - step * min(1.0, 0.9 / longest if longest > 0 else 1.0)
    else:
        raise DataError("risk parity did not converge: the covariance is not positive definite")
    raw = y / sigma
    return raw / raw.sum()


def liquidity_limits(adv_usd: Floats, participation: float, days: float, notional_usd: float) -> Floats:
    """Most weight a name can take if it must be tradable in `days` at `participation` of its average daily volume.

    `w ≤ participation · ADV · days / notional`; a name without a known volume may take nothing.

    >>> liquidity_limits(np.array([1e8, float("nan")]), 0.10, 5, 1e9).tolist()
    [0.05, 0.0]
    """
    return np.nan_to_num(participation * adv_usd * days / notional_usd)
