"""From badness to scores: ranks, percentiles, z-scores, within groups and over them.

1. Rank among the names that have the metric, ties sharing their average rank; 1 is best, n is worst.
2. Percentile p = (rank - 0.5) / n; rank-z = (rank - mean) / standard deviation (ddof 1); value-z the same on values
   pulled in to quantiles, clipped at three. A column of equal values scores zero, never NaN or infinite.
3. Within sectors the same is done sector by sector; groups with too few names take the figure among all.
4. A block is the weighted mean of its metrics' scores, standardised again; the composite is the weighted sum of the
   blocks, standardised again.

All arrays have shape (n_assets,), NaN where unknown. Sums run over sorted values, so that the result is the same to the
last bit whatever the order of the names.

References: Asness, Frazzini and Pedersen (2019), "Quality minus junk", Review of Accounting Studies 24 (rank z-scores).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from screens.ranks import MIN_GROUP, Floats, Ints, ranks_of

Flags = NDArray[np.bool_]

CLIP = 3.0  # value z-scores beyond three standard deviations say no more than three


def percentiles(badness: Floats, groups: Ints | None = None, min_group: int = MIN_GROUP) -> Floats:
    """(rank - 0.5) / n, in (0, 1); higher is worse.

    >>> percentiles(np.array([10.0, 20.0])).tolist()
    [0.25, 0.75]
    """
    return ranks_of(badness, groups, min_group).percentile


def rank_z(badness: Floats, groups: Ints | None = None, min_group: int = MIN_GROUP) -> Floats:
    """z-scores of ranks.

    >>> rank_z(np.array([1.0, 5.0, 100.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return ranks_of(badness, groups, min_group).z


def value_z(badness: Floats, groups: Ints | None = None, min_group: int = MIN_GROUP) -> Floats:
    """z-scores of the values themselves, clipped at three."""
    overall = np.clip(standardise(badness), -CLIP, CLIP)
    if groups is None:
        return overall
    out = overall.copy()
    for code in np.unique(groups[groups >= 0]):
        rows = np.flatnonzero((groups == code) & ~np.isnan(badness))
        if rows.size >= min_group:
            out[rows] = np.clip(standardise(badness[rows]), -CLIP, CLIP)
    return out


def winsorise(
    values: Floats, low: float, high: float, beyond: Flags | None = None, short: Flags | None = None
) -> Floats:
    """Values pulled in to two quantiles; names `beyond` every value take the upper one, names `short` of all the lower.

    >>> winsorise(np.array([0.0, 1.0, 2.0, 100.0]), 0.0, 0.5).tolist()
    [0.0, 1.0, 1.5, 1.5]
    """
    known = values[~np.isnan(values)]
    bottom, top = np.quantile(known, (low, high)) if known.size else (0.0, 1.0)
    out = np.clip(values, bottom, top)
    if beyond is not None:
        out = np.where(beyond, top, out)
    return out if short is None else np.where(short, bottom, out)


def standardise(values: Floats) -> Floats:
    """(x - mean) / standard deviation with ddof 1; zero where all are equal, NaN where unknown."""
    known = np.sort(values[~np.isnan(values)])  # sums over sorted values know no order of names
    if not known.size:
        return values.copy()
    mean = known.mean()
    centred = values - mean
    spread = float(np.sqrt(((known - mean) ** 2).sum() / max(known.size - 1, 1)))
    if spread <= 1e-12 * max(1.0, float(np.abs(known).max())):
        return np.where(np.isnan(values), np.nan, 0.0)
    return centred / spread


def weighted_mean(scores: Sequence[Floats] | Floats, weights: Sequence[float], fewest: int = 1) -> Floats:
    """Mean of what is known of several scores, name by name; NaN below `fewest` known.

    Adds one score after the other, so that no name's figure depends on where it stands in the arrays.
    """
    table, parts = np.asarray(scores), np.array(weights, dtype=float)[:, None]
    there = ~np.isnan(table)
    total = np.add.reduce(np.where(there, parts * table, 0.0), axis=0)
    weight, known = np.add.reduce(parts * there, axis=0), np.add.reduce(there, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((known >= fewest) & (weight > 0), total / weight, np.nan)


def order_worst_first(scores: Floats, tickers: NDArray[np.object_]) -> Ints:
    """Positions of the names that have a score, worst (highest) first, equal scores by ticker."""
    rows = np.flatnonzero(~np.isnan(scores))
    order = rows[np.argsort(-scores[rows], kind="stable")]
    if not (scores[order[1:]] == scores[order[:-1]]).any():
        return order
    by_name = rows[np.argsort(tickers[rows])]
    return by_name[np.argsort(-scores[by_name], kind="stable")]
