"""From filings to quarters and trailing twelve months, as known at each session (compiled).

Sessions are days, and so are periods.

For each company and item, versions are read in the order in which they became known. After each batch:

1. Periods are classed by days: quarter 80-100, year 350-380 (52/53-week years fit), year-to-date 75-300. The last is
   wider than the half and nine-month classes of the literature because 12- and 16-week quarters (Costco, Kroger) would
   be lost; a subtraction still needs the prior-year figure of the same length within 10 days.
2. A year is the fact itself. A quarter is the three-month fact; else year-to-date minus the previous year-to-date of
   the same start; the fourth is the year minus what precedes it (nine months, or three quarters) if 80-100 days remain.
   A three-month fact that is a fallback (a note's rounded figure) gives way to a difference of figures that are none.
3. Trailing twelve months at the newest end E for which they can be computed: the year ending at E; else last year +
   year to date - prior year to date, the prior figure in the version of the same accession as the current one (or the
   version in force then), so that a reclassified comparative matches; else four quarters that abut and span
   350-380 days. Where two ways exist and differ by more than 0.5 % the flag says so.
4. A period that cannot be completed is skipped: four cash-flow "quarters" spread over 400 days make no sum, and a
   transition period that leaves a gap makes none either.
5. A lag looks for the period that ended that much earlier (within 20 days), never for "the k-th row before".
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
from __future__ import annotations

import numpy as np
from numba import njit

from market.facts import FLOW_MAX_AGE_DAYS, Flag

LATEST, QUARTER, TTM, YEAR = 0, 1, 2, 3
LOOK_BACK_DAYS = FLOW_MAX_AGE_DAYS  # nothing older can be fresh
_ABUT = 5  # days by which a start may miss the previous end + 1
_LAG_TOLERANCE = 20
_DERIVED_Q4, _DERIVED_QUARTER = int(Flag.DERIVED_Q4), int(Flag.DERIVED_QUARTER)
_FALLBACK = int(Flag.TAG_FALLBACK)
_DISAGREES, _OLDER_PERIOD = int(Flag.TTM_DISAGREES), int(Flag.OLDER_PERIOD)


@njit(cache=True, nogil=True)
def _is_quarter(length):
    return 80 <= length <= 100


@njit(cache=True, nogil=True)
def _is_year(length):
    return 350 <= length <= 380


@njit(cache=True, nogil=True)
def _version(data, row, like):
    """Version of `row`'s period that belongs with `like`: same accession, else the one in force when it was filed."""
    if like < 0:
        return row
    at = row
    if data.order[like] >= 0:
        while at >= 0:
            if data.order[at] == data.order[like]:
                return at
            at = np.int64(data.previous[at])
    at = row
    while at >= 0:
        if data.known[at] <= data.known[like]:
            return at
        at = np.int64(data.previous[at])
    return row


@njit(cache=True, nogil=True)
def _cover(data, lo, hi, begin, target, slack, like):
    """Sum of known periods of 75-300 days that abut from `begin` to `target` (within `slack`).

    Returns (last row or -1, sum, flags, last day).
    """
    total, bits, at = 0.0, 0, begin
    for _ in range(4):
        best = -1
        for j in range(hi - 1, lo - 1, -1):
            if data.end[j] < at:
                break
            if data.current[j] < 0 or data.end[j] > target + slack or abs(data.start[j] - at) > _ABUT:
                continue
            length = data.end[j] - data.start[j] + 1
            if 75 <= length <= 300 and (best < 0 or data.end[j] > data.end[best]):
                best = j
        if best < 0:
            break
        row = _version(data, np.int64(data.current[best]), like)
        total += data.value[row]
        bits |= data.flags[row]
        at = data.end[best] + 1
        if abs(data.end[best] - target) <= slack:
            return row, total, bits, data.end[best]
    return -1, 0.0, 0, at


@njit(cache=True, nogil=True)
def _year(data, a, b):
    """Row of the period of 350-380 days among the periods a..b-1, or -1."""
    for j in range(b - 1, a - 1, -1):
        if data.current[j] >= 0 and _is_year(data.end[j] - data.start[j] + 1):
            return data.current[j]
    return -1


@njit(cache=True, nogil=True)
def _quarter(data, lo, a, b):
    """Single quarter ending where the periods a..b-1 end: (row or -1, value, flags, first day)."""
    end = np.int64(data.end[a])
    stated, begun = -1, 0
    for j in range(b - 1, a - 1, -1):
        row = data.current[j]
        if row >= 0 and _is_quarter(end - data.start[j] + 1):
            if not data.flags[row] & _FALLBACK:
                return row, data.value[row], data.flags[row], data.start[j]
            stated, begun = row, data.start[j]
            break
    for j in range(b - 1, a - 1, -1):  # shortest first: least is subtracted
        row = data.current[j]
        length = end - data.start[j] + 1
        if row < 0 or length <= 100 or length > 380 or (stated >= 0 and data.flags[row] & _FALLBACK):
            continue
        kind = _DERIVED_Q4 if length >= 350 else _DERIVED_QUARTER
        for k in range(a - 1, lo - 1, -1):
            if data.end[k] < end - 100:
                break
            if data.end[k] > end - 80 or data.end[k] == data.end[k + 1]:
                continue
            last, rest, bits, reached = _cover(
                data, lo, k + 1, np.int64(data.start[j]), np.int64(data.end[k]), 0, np.int64(-1)
            )
            if last >= 0 and not (stated >= 0 and bits & _FALLBACK):
                return row, data.value[row] - rest, data.flags[row] | bits | kind, reached + 1
    if stated >= 0:
        return stated, data.value[stated], data.flags[stated], begun
    return -1, 0.0, 0, 0


@njit(cache=True, nogil=True)
def _block(data, lo, hi, j):
    """Bounds of the periods that share the end of period j."""
    first, last = j, j + 1
    while first > lo and data.end[first - 1] == data.end[j]:
        first -= 1
    while last < hi and data.end[last] == data.end[j]:
        last += 1
    return first, last


@njit(cache=True, nogil=True)
def _four_quarters(data, lo, a, b):
    """Sum of four abutting quarters that span 350-380 days: (row or -1, value, flags)."""
    total, bits, source, end = 0.0, 0, -1, data.end[a]
    for number in range(4):
        row, part, mark, first = _quarter(data, lo, a, b)
        if row < 0:
            break
        total += part
        bits |= mark
        if number == 0:
            source = row
        if number == 3:
            if _is_year(end - first + 1):
                return source, total, bits
            break
        found = -1
        for j in range(a - 1, lo - 1, -1):
            if data.end[j] < first - 1 - _ABUT:
                break
            if data.current[j] >= 0 and abs(data.end[j] + 1 - first) <= _ABUT:
                found = j
                break
        if found < 0:
            break
        a, b = _block(data, lo, a, found)
    return -1, 0.0, 0


@njit(cache=True, nogil=True)
def _trailing(data, lo, a, b):
    """Twelve months ending where the periods a..b-1 end: (row or -1, value, flags)."""
    row = _year(data, a, b)
    if row >= 0:
        return row, data.value[row], data.flags[row]
    end = np.int64(data.end[a])
    source, total, bits = -1, 0.0, 0
    for y in range(a - 1, lo - 1, -1):
        span = end - data.end[y]
        if span > 300:
            break
        year, begin = data.current[y], np.int64(data.start[y])
        if year < 0 or span < 75 or not _is_year(data.end[y] - data.start[y] + 1):
            continue
        last, to_date, mark, _ = _cover(data, lo, b, np.int64(data.end[y] + 1), end, np.int64(0), np.int64(-1))
        if last < 0:
            continue
        prior_last, prior, prior_mark, reached = _cover(data, lo, a, begin, begin + span - 1, np.int64(10), last)
        if prior_last < 0 or not _is_year(end - reached):
            continue
        source, total = last, data.value[year] + to_date - prior
        bits = mark | prior_mark | data.flags[year]
        break
    row, alternative, mark = _four_quarters(data, lo, a, b)
    if source < 0:
        return row, alternative, mark
    if row >= 0 and abs(alternative - total) > 0.005 * max(abs(total), abs(alternative)):
        bits |= _DISAGREES
    return source, total, bits


@njit(cache=True, nogil=True)
def _figure(data, basis, lo, a, b):
    """The figure of a basis where the periods a..b-1 end: (row or -1, value, flags)."""
    row = -1
    if basis == TTM:
        return _trailing(data, lo, a, b)
    if basis == QUARTER:
        row, part, mark, _ = _quarter(data, lo, a, b)
        return row, part, mark
    if basis == YEAR:
        row = _year(data, a, b)
    else:
        for j in range(b - 1, a - 1, -1):  # shortest period first
            if data.current[j] >= 0:
                row = data.current[j]
                break
    if row < 0:
        return -1, 0.0, 0
    return row, data.value[row], data.flags[row]


@njit(cache=True, nogil=True)
def _lagged(data, basis, lo, hi, target):
    """The figure whose period ends nearest to a day (within the tolerance): (row or -1, value, flags, end)."""
    best_row, best_value, best_flags, best_end = -1, np.nan, 0, target + 10 * _LAG_TOLERANCE
    for j in range(hi - 1, lo - 1, -1):
        if data.end[j] < target - _LAG_TOLERANCE:
            break
        if data.end[j] > target + _LAG_TOLERANCE or (j + 1 < hi and data.end[j + 1] == data.end[j]):
            continue
        a, b = _block(data, lo, hi, j)
        row, value, flags = _figure(data, basis, lo, a, b)
        if row >= 0 and abs(data.end[j] - target) < abs(best_end - target):
            best_row, best_value, best_flags, best_end = row, value, flags, data.end[j]
    return best_row, best_value, best_flags, best_end


@njit(cache=True, nogil=True)
def history(data, period, rows, periods, basis, lag_days, first_ticker, last_ticker):
    """As-of history of one item on one basis: each company's figure from each session on, for a range of tickers.

    `data` is a `market.arrangement.Rows`; `period` (n_rows,) is the period of each row; `rows`, `periods` are offsets
    by ticker (N + 1,).
    Returns (events by ticker, then by event: known, newest period end, its period end, row or -1, flags; values).
    """
    size = 0
    for ticker in range(first_ticker, last_ticker):
        for r in range(rows[ticker], rows[ticker + 1]):
            if r == rows[ticker] or data.known[r] != data.known[r - 1]:
                size += 1
    counts = np.zeros(last_ticker - first_ticker, dtype=np.int64)
    out = np.empty((5, size), dtype=np.int32)
    out_value = np.empty(size, dtype=np.float64)
    filled = 0
    for ticker in range(first_ticker, last_ticker):
        lo, hi, r = periods[ticker], periods[ticker], rows[ticker]
        while r < rows[ticker + 1]:
            session = data.known[r]
            while r < rows[ticker + 1] and data.known[r] == session:
                data.current[period[r]] = r
                hi = max(hi, period[r] + 1)
                r += 1
            row, value, flags, newest = -1, np.nan, 0, 0
            newer_known = False
            j = hi - 1
            while j >= lo and data.end[j] >= session - LOOK_BACK_DAYS:
                a, b = _block(data, lo, hi, j)
                row, value, flags = _figure(data, basis, lo, a, b)
                if row >= 0:
                    newest = data.end[j]
                    break
                for k in range(a, b):
                    newer_known = newer_known or data.current[k] >= 0
                j = a - 1
            if row < 0:
                continue
            if basis == TTM and newer_known:
                flags |= _OLDER_PERIOD
            at = newest
            if lag_days > 0:
                row, value, flags, at = _lagged(data, basis, lo, hi, newest - lag_days)
            out[0, filled] = session
            out[1, filled] = newest
            out[2, filled] = at
            out[3, filled] = row
            out[4, filled] = flags
            out_value[filled] = value
            filled += 1
            counts[ticker - first_ticker] += 1
    return counts, out[:, :filled].copy(), out_value[:filled].copy()
