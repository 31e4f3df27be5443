"""Sorting and ranking of whole blocks of figures (compiled): what `ranks` calls when first asked for a rank.

1. A double read as a whole number, its sign turned, sorts as the double does: five passes over bytes put the upper
   forty bits in order, and what is left to move stands next to its place.
2. A run of equal figures takes the middle of its places; ranks are multiples of a half, so sums of their squares are
   exact and no bit of a result depends on the order of names.
3. One sort serves the ranks among all names and those within groups, for which the sorted names are dealt out by group.
4. The threads of several dates run side by side: no lock of the interpreter is held.

Loops alone, and few of them: they compile in a second.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
from __future__ import annotations

import numpy as np
from numba import njit

_LOWEST = np.uint64(24)  # bits; those below are left to the last pass
_SIGN = np.uint64(1) << np.uint64(63)
_ALL = ~np.uint64(0)
_BYTE, _DIGIT = np.uint64(8), np.uint64(255)


@njit(cache=True, nogil=True)
def _sort(keys, names, counts, size):
    """Sort the first `size` keys of row 0, names along with them, (2, n_assets) each; returns the row they end in."""
    counts[:, :] = 0
    for i in range(size):
        rest = keys[0, i] >> _LOWEST
        for byte in range(counts.shape[0]):
            counts[byte, rest & _DIGIT] += 1
            rest >>= _BYTE
    side = 0
    shift = _LOWEST
    for byte in range(counts.shape[0]):
        if size > 0 and counts[byte, (keys[side, 0] >> shift) & _DIGIT] < size:  # else all are alike here
            place = 0
            for digit in range(256):
                place += counts[byte, digit]
                counts[byte, digit] = place - counts[byte, digit]
            for i in range(size):
                digit = (keys[side, i] >> shift) & _DIGIT
                to = counts[byte, digit]
                counts[byte, digit] = to + 1
                keys[1 - side, to] = keys[side, i]
                names[1 - side, to] = names[side, i]
            side = 1 - side
        shift += _BYTE
    for i in range(1, size):
        key, name, to = keys[side, i], names[side, i], i
        while to > 0 and keys[side, to - 1] > key:
            keys[side, to] = keys[side, to - 1]
            names[side, to] = names[side, to - 1]
            to -= 1
        keys[side, to] = key
        names[side, to] = name
    return side


@njit(cache=True, nogil=True, error_model="numpy")
def _rank(keys, names, first, last, out, row):
    """Fill rank, percentile and z-score of one metric for the sorted names from `first` to `last`."""
    size = np.float64(last - first)
    squares, i = 0.0, first
    while i < last:
        j = i + 1
        while j < last and keys[j] == keys[i]:
            j += 1
        rank = (i - first) + (j - i + 1) / 2.0
        twice = 2.0 * rank - (size + 1.0)
        squares += (j - i) * twice * twice
        for k in range(i, j):
            out[0, row, names[k]] = rank
        i = j
    deviation = np.sqrt(squares / max(size - 1.0, 1.0))
    for k in range(first, last):
        rank = out[0, row, names[k]]
        out[1, row, names[k]] = (rank - 0.5) / size
        out[2, row, names[k]] = (2.0 * rank - (size + 1.0)) / deviation if deviation > 0 else 0.0


@njit(cache=True, nogil=True)
def rank_rows(figures, bits, codes, n_groups, min_group, out):
    """Fill `out`, (3, n_metrics, n_assets), with rank, percentile and z-score of each figure, NaN where there is none.

    figures: (n_metrics, n_assets); bits: the same read as whole numbers; codes: the group of each name, -1 for none.
    Names without a group, and those of groups with fewer than `min_group` figures, are ranked among all.
    """
    n_metrics, n_assets = figures.shape
    keys, names = np.empty((2, n_assets), np.uint64), np.empty((2, n_assets), np.uint32)
    counts = np.empty((5, 256), np.uint32)
    end = np.empty(n_groups, np.int64)
    for row in range(n_metrics):
        size = 0
        for i in range(n_assets):
            if np.isnan(figures[row, i]):
                out[0, row, i] = out[1, row, i] = out[2, row, i] = np.nan
                continue
            key = bits[row, i] if figures[row, i] != 0.0 else np.uint64(0)  # zeros are of one sign
            keys[0, size] = key ^ (_ALL if key & _SIGN else _SIGN)
            names[0, size] = i
            size += 1
        side = _sort(keys, names, counts, size)
        end[:] = 0
        for i in range(size):
            if codes[names[side, i]] >= 0:
                end[codes[names[side, i]]] += 1
        first, placed = 0, 0
        for group in range(n_groups):
            placed += end[group] if end[group] >= min_group else 0
            first += end[group]
            end[group] = first - end[group]
        for i in range(size):
            group = codes[names[side, i]]
            if group >= 0:
                keys[1 - side, end[group]] = keys[side, i]
                names[1 - side, end[group]] = names[side, i]
                end[group] += 1
        first = 0
        for group in range(-1, n_groups):  # all names, where one of them needs it, then group by group
            last = size if group < 0 else end[group]
            at = side if group < 0 else 1 - side
            if placed < size if group < 0 else last - first >= min_group:
                _rank(keys[at], names[at], first, last, out, row)
            first = 0 if group < 0 else last
