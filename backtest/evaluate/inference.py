"""Is it more than luck: Sharpe ratios with their sampling error, and with the number of things that were tried.

1. Sharpe ratios here are **per session**, kurtosis is not excess (3 for a normal); mixing them up is the usual mistake.
2. PSR: the chance that the true Sharpe exceeds a benchmark, given skewness and fat tails.
3. DSR: the PSR against the best Sharpe that so many trials would show by luck alone.
4. MinTRL: sessions needed before the observed Sharpe is convincing.
5. `sharpe_difference` is Ledoit and Wolf (2008): a studentised circular block bootstrap of two dependent series.

The overfitting of a whole sweep is in `overfitting`; bootstrap rows and block lengths in `basket.hedge.bootstrap`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from basket.hedge.bootstrap import optimal_block
from basket.hedge.history import Array
from basket.hedge.least_squares import long_run_variance, newey_west_lag
from market.errors import ConfigError, DataError

EULER = 0.5772156649015329
DRAWS_AT_ONCE = 64
TINY = 1e-300


@dataclass(frozen=True)
class SharpeMoments:
    """Per-session Sharpe ratio, skewness, kurtosis (not excess) and the number of sessions."""

    sharpe: float
    skewness: float
    kurtosis: float
    n_sessions: int

    @property
    def variance_factor(self) -> float:
        """`1 - g3 SR + (g4 - 1) / 4 SR^2`: the sampling variance of the Sharpe ratio, times n - 1."""
        return 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2


def sharpe_moments(excess: pd.Series | Array) -> SharpeMoments:
    """Moments of excess returns per session; `DataError` where they do not vary."""
    values = np.asarray(excess, dtype=np.float64)
    values = values[~np.isnan(values)]
    if len(values) < 3 or values.std() <= 1e-15:
        raise DataError("a Sharpe ratio needs at least three returns that vary")
    moved = values - values.mean()
    square = moved * moved  # products: powers of arrays take ten times as long
    size = values.std()
    return SharpeMoments(
        float(values.mean() / values.std(ddof=1)),
        float(np.mean(square * moved) / size**3),
        float(np.mean(square * square) / size**4),
        len(values),
    )


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float = 0.0) -> float:
    r"""Chance that the true Sharpe exceeds `benchmark`, both per session (Bailey and Lopez de Prado 2012).

    .. math:: \Phi\left[\frac{(SR - SR^*)\sqrt{T - 1}}{\sqrt{1 - \gamma_3 SR + \frac{\gamma_4 - 1}{4} SR^2}}\right]
    """
    from scipy.special import ndtr

    z = (moments.sharpe - benchmark) * np.sqrt(moments.n_sessions - 1) / np.sqrt(moments.variance_factor)
    return float(ndtr(z))


def expected_best_sharpe(variance: float, n_trials: float) -> float:
    r"""Best Sharpe expected of `n_trials` without skill, whose Sharpe ratios vary by `variance` (per session).

    .. math:: \sqrt{V}\left[(1 - \gamma)\Phi^{-1}(1 - 1/N) + \gamma\Phi^{-1}(1 - 1/(Ne))\right]
    """
    from scipy.special import ndtri

    if n_trials < 1:
        raise ConfigError(f"the number of trials must be at least 1, found {n_trials}")
    if n_trials == 1:
        return 0.0
    high = (1.0 - EULER) * ndtri(1.0 - 1.0 / n_trials) + EULER * ndtri(1.0 - 1.0 / (n_trials * math.e))
    return float(np.sqrt(variance) * high)


def deflated_sharpe(moments: SharpeMoments, variance: float, n_trials: float) -> float:
    """PSR against the best Sharpe of `n_trials` lucky ones (Bailey and Lopez de Prado 2014).

    variance  of the trials' per-session Sharpe ratios; count failed trials in `n_trials`
    """
    return probabilistic_sharpe(moments, expected_best_sharpe(variance, n_trials))


def minimum_track_record(moments: SharpeMoments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Sessions needed for the PSR to reach `confidence`; infinite where the Sharpe does not exceed the benchmark."""
    from scipy.special import ndtri

    if moments.sharpe <= benchmark:
        return float("inf")
    return float(1.0 + moments.variance_factor * (ndtri(confidence) / (moments.sharpe - benchmark)) ** 2)


@dataclass(frozen=True)
class SharpeDifference:
    """First Sharpe less second, per session; its standard error, 95 % interval and two-sided p-value."""

    difference: float
    stderr: float
    low: float
    high: float
    p_value: float


def sharpe_difference(
    first: pd.Series, second: pd.Series, n_draws: int = 2000, mean_block: float | None = None, seed: int = 7
) -> SharpeDifference:
    """Studentised bootstrap of the difference of two Sharpe ratios on the same sessions.

    first, second  excess returns per session
    mean_block     length of the circular blocks, sessions; default by Politis and White on the first series

    References
    ----------
    Ledoit and Wolf (2008), "Robust Performance Hypothesis Testing with the Sharpe Ratio", J. Empirical Finance 15(5).
    """
    both = pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(dtype=np.float64)
    n = len(both)
    if n < 60:
        raise DataError(f"a difference of Sharpe ratios needs 60 shared sessions, has {n}")
    block = round(mean_block if mean_block is not None else max(optimal_block(both[:, 0]), 5.0))
    difference, stderr = _difference(both, newey_west_lag(n))
    random = np.random.default_rng(seed)
    starts = random.integers(0, n, (n_draws, -(-n // block), 1))
    rows = ((starts + np.arange(block)) % n).reshape(n_draws, -1)[:, :n]
    drawn = [_block_difference(both[some], block) for some in np.array_split(rows, -(-n_draws // DRAWS_AT_ONCE))]
    values, errors = (np.concatenate(one) for one in zip(*drawn, strict=True))
    studentised = np.abs(values - difference) / errors
    critical = float(np.quantile(studentised, 0.95))
    p_value = (1 + int((studentised >= abs(difference) / stderr).sum())) / (1 + n_draws)
    return SharpeDifference(difference, stderr, difference - critical * stderr, difference + critical * stderr, p_value)


def _influence(both: Array) -> tuple[Array, Array]:
    """Difference of Sharpe ratios and the influence of every session on it; shape (..., n_sessions, 2) in."""
    means, seconds = both.mean(axis=-2, keepdims=True), (both**2).mean(axis=-2, keepdims=True)
    deviations = np.sqrt(seconds - means**2)
    sharpes = (means / deviations)[..., 0, :]
    slopes = (seconds * (both - means) - 0.5 * means * (both**2 - seconds)) / deviations**3
    return sharpes[..., 0] - sharpes[..., 1], slopes[..., 0] - slopes[..., 1]


def _difference(both: Array, lag: int) -> tuple[float, float]:
    value, influence = _influence(both)
    return float(value), float(np.sqrt(max(long_run_variance(influence, lag), TINY))) / len(both)


def _block_difference(both: Array, block: int) -> tuple[Array, Array]:
    """The same on resamples made of blocks, whose variance is that of the blocks' sums (Goetze and Kuensch)."""
    value, influence = _influence(both)
    n = influence.shape[-1]
    whole = n // block
    sums = influence[..., : whole * block].reshape(*influence.shape[:-1], whole, block).sum(axis=-1)
    return value, np.sqrt(np.maximum((sums**2).sum(axis=-1) / (whole * block), TINY) / n)
