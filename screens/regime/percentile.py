"""Where a figure stands in its own past, and nothing but its past.

1. The percentile of a session ranks its figure among all figures known up to it: (mean rank - 1/2) / n.
2. The first ones have no past to stand in: they are unknown until `fewest` figures are known.
3. A later figure never changes an earlier percentile; a full-sample percentile would.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import numpy as np

from screens.regime.rolling import Array


def expanding_percentile(values: Array, fewest: int) -> Array:
    """Percentile of each value among those up to it, ties at their middle; shape (n_sessions,), NaN where unknown.

    >>> expanding_percentile(np.array([1.0, 3.0, 2.0, 2.0]), fewest=2).tolist()
    [nan, 0.75, 0.5, 0.5]
    """
    out = np.full(len(values), np.nan)
    past: list[float] = []
    for t, value in enumerate(values):
        if not np.isfinite(value):
            continue
        insort(past, float(value))
        if len(past) >= fewest:
            below, upto = bisect_left(past, value), bisect_right(past, value)
            out[t] = (below + upto) / 2 / len(past)
    return out
