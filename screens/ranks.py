"""Ranks of many figures at once, among all names and within groups, ties sharing their average rank.

1. A row is one metric; a figure that is NaN has no rank.
2. A run of equal figures takes the middle of its places; a name's rank counts from the start of its group.
3. Names of groups with too few figures, or of no group, are ranked among all.
4. percentile: (rank - 0.5) / n, in (0, 1); z: (rank - mean) / standard deviation with ddof 1, zero where all are equal.

One sort a figure serves all of it (`rank_rows`, compiled). No bit of a result depends on the order of names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_GROUP = 5  # smaller groups say nothing about a name; it is ranked among all


@dataclass(frozen=True)
class Ranks:
    """Ranks from 1 (best) up, their percentiles and z-scores; shapes (..., n_assets), NaN where there is no figure."""

    rank: Floats
    percentile: Floats
    z: Floats


def ranks_of(badness: Floats, groups: Ints | None = None, min_group: int = MIN_GROUP) -> Ranks:
    """Ranks along the last axis of one figure a name, (n_assets,), or of several, (n_metrics, n_assets).

    groups: a code a name, -1 for none; without them, and for groups with fewer than `min_group` figures, among all.

    >>> ranks_of(np.array([3.0, 1.0, np.nan, 3.0])).rank.tolist()
    [2.5, 1.0, nan, 2.5]
    """
    from screens.rank_rows import rank_rows  # compiled code: loaded when first asked for

    n_assets = badness.shape[-1]
    rows = np.ascontiguousarray(badness, dtype=np.float64).reshape(-1, n_assets)
    codes = np.full(n_assets, -1) if groups is None else groups.astype(np.int64)
    out = np.empty((3, *rows.shape))
    rank_rows(rows, rows.view(np.uint64), codes, int(codes.max(initial=-1)) + 1, min_group, out)
    return Ranks(*out.reshape(3, *badness.shape))
