"""The stationary bootstrap (Politis and Romano 1994), all draws at once.

1. Blocks start anywhere with equal chance and end after each session with chance `1 / mean_block`, on a ring.
2. The mean block follows Politis and White (2004) as corrected by Patton, Politis and White (2009).
3. Rows are drawn jointly: book, hedge and market keep their sessions together.
4. The seed is explicit; the same seed gives the same draws.
5. Intervals are percentiles of the draws, or bias-corrected and accelerated (Efron 1987) with a block jackknife.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from basket.hedge.history import Array
from market.errors import DataError

Rows = npt.NDArray[np.int32]


def stationary_rows(n_sessions: int, n_draws: int, mean_block: float, seed: int = 7) -> Rows:
    """Row numbers of the resamples, shape (n_draws, n_sessions).

    mean_block is in sessions; 1 is the ordinary bootstrap.
    """
    if n_sessions < 1 or n_draws < 1:
        raise DataError(f"nothing to resample: {n_sessions} sessions, {n_draws} draws")
    random = np.random.default_rng(seed)
    restart = random.random((n_draws, n_sessions), dtype=np.float32) < 1.0 / max(mean_block, 1.0)
    restart[:, 0] = True
    begun = np.where(restart, np.arange(n_sessions, dtype=np.int32), np.int32(0))
    np.maximum.accumulate(begun, axis=1, out=begun)
    origin = random.integers(0, n_sessions, (n_draws, n_sessions), dtype=np.int32)
    offset = np.take_along_axis(origin, begun, axis=1) - begun
    return np.asarray((offset + np.arange(n_sessions, dtype=np.int32)) % np.int32(n_sessions), dtype=np.int32)


def optimal_block(series: Array) -> float:
    """Mean block length of the stationary bootstrap for the mean of `series`, in sessions; at least one."""
    n = len(series)
    if n < 10:
        return 1.0
    moved = series - series.mean()
    if not np.any(moved):
        return 1.0
    run = max(5, int(np.log10(n)))
    longest = int(np.ceil(np.sqrt(n))) + run
    critical = 2.0 * np.sqrt(np.log10(n) / n)
    lags = range(min(longest, n - 2) + 1)
    cross = np.array([moved[k:] @ moved[: n - k] for k in lags])
    scale = np.array(
        [np.sqrt((moved[k + 1 :] @ moved[k + 1 :]) * (moved[: n - k - 1] @ moved[: n - k - 1])) for k in lags]
    )
    covariance, correlation = cross / n, np.abs(cross) / scale
    chosen = next((k - run for k in range(run, len(correlation)) if (correlation[k - run : k] < critical).all()), None)
    lag = min(2 * max(chosen, 1) if chosen is not None else longest, len(correlation) - 1)
    k = np.arange(1, lag + 1)
    weight = np.where(k / lag <= 0.5, 1.0, 2.0 * (1.0 - k / lag))  # flat-top window
    slope = 2.0 * (weight * k * covariance[1 : lag + 1]).sum()
    long_run = covariance[0] + 2.0 * (weight * covariance[1 : lag + 1]).sum()
    if long_run <= 0.0:
        return 1.0
    block = (slope**2 / long_run**2 * n) ** (1.0 / 3.0)
    return float(np.clip(block, 1.0, np.ceil(min(3.0 * np.sqrt(n), n / 3.0))))


def percentile_interval(draws: Array, level: float = 0.95) -> tuple[float, float]:
    """Equal-tailed interval of the draws that are defined; NaN where none is."""
    defined = draws[np.isfinite(draws)]
    if len(defined) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.5 - level / 2.0, 0.5 + level / 2.0])
    return float(low), float(high)


def bca_interval(draws: Array, estimate: float, left_out: Array, level: float = 0.95) -> tuple[float, float]:
    """Bias-corrected and accelerated interval.

    draws     the statistic on the resamples
    estimate  the statistic on the data
    left_out  the statistic on the data without each block in turn
    """
    from scipy.special import ndtr, ndtri

    defined = draws[np.isfinite(draws)]
    if len(defined) == 0 or not np.isfinite(estimate):
        return float("nan"), float("nan")
    below = float(np.clip((defined < estimate).mean(), 1e-4, 1.0 - 1e-4))
    bias = ndtri(below)
    moved = left_out.mean() - left_out
    spread = float((moved**2).sum()) ** 1.5
    acceleration = float((moved**3).sum()) / (6.0 * spread) if spread > 0.0 else 0.0
    z = bias + ndtri(np.array([0.5 - level / 2.0, 0.5 + level / 2.0]))
    low, high = np.quantile(defined, ndtr(bias + z / (1.0 - acceleration * z)))
    return float(low), float(high)
