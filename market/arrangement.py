"""Versions in order: the periods of each company, the versions of each period, the events of each company (compiled).

1. Periods are numbered by end, then start (the longest first); versions of a period follow each other as they became
   known, ties by accession, then value: of a tie only the last counts.
2. A version that repeats the one before it changes no figure and is left out; one that differs from the first by more
   than the tolerance is marked as restated.
3. What remains is listed by the session it became known at, each with its period and the version before it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
from __future__ import annotations

import numpy as np
from numba import njit

from market.facts import RESTATED_TOLERANCE, Flag

_RESTATED = int(Flag.RESTATED)
_RESTATED_TOLERANCE = RESTATED_TOLERANCE


@njit(cache=True, nogil=True)
def arrange(offsets, start, end, value, known, order, flags):
    """Order one item's rows, which come grouped by ticker (`offsets`, (N + 1,)).

    Returns (rows kept by ticker, periods by ticker, source row, period, previous row, flags, start, end): rows and
    periods are numbered from 0 within each ticker and packed at the front of its slots `offsets[t]..offsets[t + 1]`.
    """
    n = len(start)
    kept = np.zeros(len(offsets) - 1, dtype=np.int32)
    periods = np.zeros(len(offsets) - 1, dtype=np.int32)
    source = np.empty(n, dtype=np.int32)
    period = np.empty(n, dtype=np.int32)
    previous = np.empty(n, dtype=np.int32)
    marked = np.empty(n, dtype=np.int32)
    p_start = np.empty(n, dtype=np.int32)
    p_end = np.empty(n, dtype=np.int32)
    for t in range(len(offsets) - 1):
        lo, hi = offsets[t], offsets[t + 1]
        m = hi - lo
        if m == 0:
            continue
        span = (end[lo:hi].astype(np.int64) << 20) | (start[lo:hi].astype(np.int64) + 65_536)
        by_span = np.argsort(span)
        number = np.empty(m, dtype=np.int64)  # period of each row, by end, then start (longest first)
        count = -1
        for i in range(m):
            j = by_span[i]
            if i == 0 or span[j] != span[by_span[i - 1]]:
                count += 1
                p_start[lo + count] = start[lo + j]
                p_end[lo + count] = end[lo + j]
            number[j] = count
        periods[t] = count + 1
        version = np.empty(m, dtype=np.int64)
        for i in range(m):
            version[i] = (number[i] << 44) | (np.int64(known[lo + i]) << 26) | (order[lo + i] + 1)
        by_version = np.argsort(version)
        event = np.empty(m, dtype=np.int64)
        held = np.empty(m, dtype=np.int64)  # row kept before each kept row, in its period
        size = 0
        picked = np.empty(m, dtype=np.int64)
        i = 0
        last, original = -1, 0.0
        while i < m:
            best = by_version[i]
            i += 1
            while i < m and version[by_version[i]] == version[best]:  # a tie goes to the larger value
                if value[lo + by_version[i]] > value[lo + best]:
                    best = by_version[i]
                i += 1
            if last < 0 or number[best] != number[last]:
                last, original = -1, value[lo + best]
            bits = flags[lo + best]
            if abs(value[lo + best] - original) > _RESTATED_TOLERANCE * abs(original):
                bits |= _RESTATED
            if last >= 0 and value[lo + best] == value[lo + last] and bits == marked[lo + last]:
                continue
            marked[lo + best] = bits
            held[best] = last
            picked[size] = best
            event[size] = (np.int64(known[lo + best]) << 44) | (np.int64(order[lo + best] + 1) << 18) | number[best]
            size += 1
            last = best
        kept[t] = size
        by_event = np.argsort(event[:size])
        place = np.full(m, -1, dtype=np.int32)
        bits_of = marked[lo:hi].copy()
        for i in range(size):
            place[picked[by_event[i]]] = i
        for i in range(size):
            j = picked[by_event[i]]
            source[lo + i] = lo + j
            period[lo + i] = number[j]
            previous[lo + i] = place[held[j]] if held[j] >= 0 else -1
            marked[lo + i] = bits_of[j]
    return kept, periods, source, period, previous, marked, p_start, p_end
