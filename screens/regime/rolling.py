"""Rolling figures down the rows of an array; row t reads rows up to t only.

1. Rolling sums come from cumulative sums; a window with a missing value in it is unknown.
2. Exponential averages are seeded with the first value known and hold over gaps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def rolling_sum(values: Array, window: int) -> Array:
    """Sum of the last `window` rows, this one included; NaN where fewer exist or one of them is missing."""
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0), axis=0)
    count = np.cumsum(known, axis=0)
    out = np.full(values.shape, np.nan)
    if len(values) < window:
        return out
    total[window:] = total[window:] - total[:-window]
    count[window:] = count[window:] - count[:-window]
    whole = count == window
    out[whole] = total[whole]
    out[: window - 1] = np.nan
    return out


def rolling_mean(values: Array, window: int) -> Array:
    """Mean of the last `window` rows; NaN where fewer exist or one of them is missing."""
    return rolling_sum(values, window) / window


def compounded(returns: Array, window: int) -> Array:
    """Compounded return of the last `window` sessions; NaN where one is missing."""
    return np.expm1(rolling_sum(np.log1p(returns), window))


def smoothed(values: Array, span: int) -> Array:
    """Exponential average with weight 2 / (span + 1) on the newest, seeded with the first value known; gaps hold."""
    out = np.full(values.shape, np.nan)
    weight, held = 2.0 / (span + 1), np.nan
    for t, value in enumerate(values):
        if np.isfinite(value):
            held = value if np.isnan(held) else held + weight * (value - held)
            out[t] = held
    return out
