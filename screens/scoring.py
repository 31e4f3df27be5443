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

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CLIP = 3.0  # value z-scores beyond three standard deviations say no more than three


def average_ranks(badness: Floats, groups: Ints | None = None) -> tuple[Floats, Floats]:
    """Ranks from 1, ties averaged, and the number of names ranked along; by group where groups (codes >= 0) are given.

    >>> average_ranks(np.array([3.0, 1.0, np.nan, 3.0]))[0].tolist()
    [2.5, 1.0, nan, 2.5]
    """
    ranks, counts = np.full(badness.shape, np.nan), np.zeros(badness.shape)
    rows = np.flatnonzero(~np.isnan(badness))
    if not rows.size:
        return ranks, counts
    values = badness[rows]
    order = np.argsort(values)
    edge = np.empty(rows.size, dtype=bool)
    edge[0] = True
    if groups is None:
        ordered = values[order]
        np.not_equal(ordered[1:], ordered[:-1], out=edge[1:])
        first, size = np.zeros(rows.size), np.full(rows.size, float(rows.size))
    else:
        code = groups[rows]
        order = order[np.argsort(code[order], kind="stable")]
        ordered, code = values[order], code[order]
        turn = code[1:] != code[:-1]
        edge[1:] = turn | (ordered[1:] != ordered[:-1])
        starts = np.concatenate(([0], np.flatnonzero(turn) + 1))
        lengths = np.diff(np.append(starts, rows.size))
        first, size = np.repeat(starts, lengths).astype(float), np.repeat(lengths, lengths).astype(float)
    run = np.flatnonzero(edge)
    length = np.diff(np.append(run, rows.size))
    middle = np.repeat(run + (length + 1) / 2.0, length)
    ranks[rows[order]] = middle - first
    counts[rows[order]] = size
    return ranks, counts


def percentiles(badness: Floats, groups: Ints | None = None, min_group: int = 5) -> Floats:
    """(rank - 0.5) / n, in (0, 1); higher is worse.

    >>> percentiles(np.array([10.0, 20.0])).tolist()
    [0.25, 0.75]
    """
    ranks, counts = average_ranks(badness)
    overall = (ranks - 0.5) / np.maximum(counts, 1)
    if groups is None:
        return overall
    ranks, counts = average_ranks(badness, groups)
    return np.where(_large(counts, groups, min_group), (ranks - 0.5) / np.maximum(counts, 1), overall)


def rank_z(badness: Floats, groups: Ints | None = None, min_group: int = 5) -> Floats:
    """z-scores of ranks.

    >>> rank_z(np.array([1.0, 5.0, 100.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    overall = _z_of_ranks(*average_ranks(badness), None)
    if groups is None:
        return overall
    ranks, counts = average_ranks(badness, groups)
    return np.where(_large(counts, groups, min_group), _z_of_ranks(ranks, counts, groups), overall)


def value_z(badness: Floats, groups: Ints | None = None, min_group: int = 5) -> Floats:
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
    known = np.sort(values[~np.isnan(values)])
    if not known.size:
        return values.copy()
    centred = values - known.mean()
    spread = float(np.sqrt(np.sort((known - known.mean()) ** 2).sum() / max(known.size - 1, 1)))
    if spread <= 1e-12 * max(1.0, float(np.abs(known).max())):
        return np.where(np.isnan(values), np.nan, 0.0)
    return centred / spread


def weighted_mean(scores: Sequence[Floats], weights: Sequence[float], fewest: int = 1) -> Floats:
    """Mean of what is known of several scores, name by name; NaN below `fewest` known.

    Adds one score after the other, so that no name's figure depends on where it stands in the arrays.
    """
    total, weight, known = (np.zeros(scores[0].shape) for _ in range(3))
    for score, part in zip(scores, weights, strict=True):
        there = ~np.isnan(score)
        total += np.where(there, part * score, 0.0)
        weight += part * there
        known += there
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((known >= fewest) & (weight > 0), total / weight, np.nan)


def order_worst_first(scores: Floats, tickers: NDArray[np.object_]) -> Ints:
    """Positions of the names that have a score, worst (highest) first, equal scores by ticker."""
    rows = np.flatnonzero(~np.isnan(scores))
    by_name = rows[np.argsort(tickers[rows])]
    return by_name[np.argsort(-scores[by_name], kind="stable")]


def _large(counts: Floats, groups: Ints, min_group: int) -> Flags:
    return (counts >= min_group) & (groups >= 0)


def _z_of_ranks(ranks: Floats, counts: Floats, groups: Ints | None) -> Floats:
    """Twice the distance from the mean rank is a whole number, so sums of squares are exact in any order."""
    twice = 2.0 * ranks - (counts + 1.0)
    squares = np.where(np.isnan(twice), 0.0, twice) ** 2
    if groups is None:
        spread = np.full(ranks.shape, squares.sum())
    else:
        spread = np.bincount(groups + 1, weights=squares)[groups + 1]
    deviation = np.sqrt(spread / np.maximum(counts - 1.0, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(deviation > 0, twice / deviation, np.where(np.isnan(ranks), np.nan, 0.0))
