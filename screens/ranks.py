"""Ranks of many figures at once, among all names and within groups, ties sharing their average rank.

1. Sort every row once; a row is one metric, its figures finite; NaN go last and stay NaN.
2. For groups, sort the sorted positions again by group code: a stable radix sort of two-byte integers keeps the order
   within a group.
3. A run of equal figures takes the middle of its places; a name's rank counts from the start of its group.
4. Names of groups with too few figures, or of no group, take rank, count and spread among all.

One sort a figure serves its percentile and its z-score alike. Ranks are multiples of a half, so sums of their squares
are exact, and no bit of a result depends on the order of names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MIN_GROUP = 5  # smaller groups say nothing about a name; it is ranked among all
_NO_FIGURE = np.int16(32_767)  # above every code, so that names without a figure go last


@dataclass(frozen=True)
class Ranks:
    """Ranks from 1 (best) to `count` (worst); all shapes (..., n_assets), NaN ranks where there is no figure.

    squares: sum over the same names of (2 rank - count - 1) squared, four times the spread of their ranks.
    """

    rank: Floats
    count: Floats
    squares: Floats

    def percentiles(self) -> Floats:
        """(rank - 0.5) / n, in (0, 1)."""
        return np.asarray((self.rank - 0.5) / np.maximum(self.count, 1.0))

    def z(self) -> Floats:
        """(rank - mean) / standard deviation with ddof 1; zero where all figures are equal."""
        twice = 2.0 * self.rank - (self.count + 1.0)
        deviation = np.sqrt(self.squares / np.maximum(self.count - 1.0, 1.0))
        spread = deviation > 0
        return np.asarray(np.where(spread | np.isnan(twice), twice / np.where(spread, deviation, 1.0), 0.0))


def ranks_of(badness: Floats, groups: Ints | None = None, min_group: int = MIN_GROUP) -> Ranks:
    """Ranks along the last axis of one figure a name, (n_assets,), or of several, (n_metrics, n_assets).

    groups: a code a name, -1 for none; without them, and for groups with fewer than `min_group` figures, among all.

    >>> ranks_of(np.array([3.0, 1.0, np.nan, 3.0])).rank.tolist()
    [2.5, 1.0, nan, 2.5]
    """
    rows = badness.reshape(-1, badness.shape[-1])
    missing = np.isnan(rows)
    figures = np.where(missing, np.inf, rows)  # sorting is several times quicker without NaN
    order = np.argsort(figures, axis=1)
    if groups is None:
        found = _ranked(figures, missing, order, None)
    else:
        found = _ranked(figures, missing, order, groups.astype(np.int16))
        small = ~missing & ((found[1] < min_group) | (groups < 0))
        if small.any():
            found = np.where(small, _ranked(figures, missing, order, None), found)
    rank, count, squares = found.reshape(3, *badness.shape)
    return Ranks(rank, count, squares)


def _ranked(figures: Floats, missing: Flags, order: Ints, codes: NDArray[np.int16] | None) -> Floats:
    """Rank, count and squares, shape (3, n_metrics, n_assets); `order` sorts each row of `figures`."""
    n_metrics, n_assets = figures.shape
    code = np.where(missing, _NO_FIGURE, np.int16(0) if codes is None else codes)
    place = order + (np.arange(n_metrics) * n_assets)[:, None]
    if codes is not None:
        by_group = np.argsort(code.ravel()[place], axis=1, kind="stable")
        place = np.take_along_axis(place, by_group, axis=1)
    place = place.ravel()
    code, figure = code.ravel()[place], figures.ravel()[place]
    new_group, new_run = np.empty(place.size, dtype=bool), np.empty(place.size, dtype=bool)
    np.not_equal(code[1:], code[:-1], out=new_group[1:])
    new_group[::n_assets] = True
    np.not_equal(figure[1:], figure[:-1], out=new_run[1:])
    new_run |= new_group
    start, size = _spans(new_group)
    first, length = _spans(new_run)
    rank = np.repeat(first + (length + 1) / 2.0, length)
    rank -= np.repeat(start.astype(float), size)
    squares = np.square(2.0 * rank - np.repeat(size + 1.0, size))
    known = code[start] != _NO_FIGURE
    found = np.empty((3, place.size))
    found[0, place] = np.where(code == _NO_FIGURE, np.nan, rank)
    found[1, place] = np.repeat(np.where(known, size, 0.0), size)
    found[2, place] = np.repeat(np.where(known, np.add.reduceat(squares, start) if start.size else 0.0, 0.0), size)
    return found.reshape(3, n_metrics, n_assets)


def _spans(starts: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Where runs start in the flattened array, and how long they are."""
    first = np.flatnonzero(starts)
    return first, np.diff(first, append=starts.size)
