"""The versions of one item put in order: what the compiled loops of `market.quarters` run over.

1. Periods are numbered by ticker, end, then start (the longest first).
2. Versions of a period follow each other by the session they became known at, then accession; of a tie the larger value
   counts. One that differs from the first by more than the tolerance is marked as restated.
3. A version that repeats the one before it changes no figure and is left out.
4. What remains is listed by ticker, session and accession, each row with its period and the version before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from market.facts import RESTATED_TOLERANCE, Array32, Flag, FloatArray, IntArray, Versions

ORDER_BITS = 26  # of the rank of an accession: 67 million filings


class Rows(NamedTuple):
    """One item as arrays by period (sorted by ticker, end, longest first) and by row (ticker, known, accession).

    Caches of compiled code name this class by its place.
    """

    start: Array32  # by period, days
    end: Array32
    current: Array32  # by period: row of the version in force, -1 = none yet
    value: FloatArray  # by row
    flags: Array32
    order: Array32  # rank of the accession, -1 = none
    known: Array32  # day from which it was known: a session
    previous: Array32  # row of the previous version of the same period, -1 = first


@dataclass(frozen=True)
class Item:
    """One item made ready for the compiled loops."""

    data: Rows
    period: Array32
    rows: IntArray  # offsets by ticker, (N + 1,)
    periods: IntArray
    source: Array32  # row of the facts table


def arranged(versions: Versions, n_tickers: int) -> Item:
    """Order the versions of an item, which come in any order."""
    key = versions.period_key()
    moment = (versions.known.astype(np.int64) << ORDER_BITS) | (versions.order + 1)
    by = np.lexsort((moment, key))
    key, moment = key[by], moment[by]
    tied = (key[1:] == key[:-1]) & (moment[1:] == moment[:-1])
    if tied.any():
        by = by[np.lexsort((versions.value[by], moment, key))]
    v = versions.take(by)
    first = np.r_[True, key[1:] != key[:-1]]
    period = np.cumsum(first) - 1
    original = v.value[first][period]
    restated = np.abs(v.value - original) > RESTATED_TOLERANCE * np.abs(original)
    flags = v.flags | np.where(restated, np.int32(Flag.RESTATED), np.int32(0))
    kept = np.r_[~tied, True]  # the last of a tie
    same = (v.value[1:] == v.value[:-1]) & (flags[1:] == flags[:-1]) & ~first[1:] & kept[:-1]
    kept &= ~np.r_[False, same]
    place = np.flatnonzero(kept)
    order = np.argsort((v.ticker[place].astype(np.int64) << (ORDER_BITS + 16)) | moment[place], kind="stable")
    rows = place[order]  # by ticker, session, accession
    earlier = np.r_[-1, place[:-1]]
    chained = (earlier >= 0) & (period[place] == period[np.maximum(earlier, 0)])
    position = np.empty(len(key), dtype=np.int32)
    position[rows] = np.arange(len(rows), dtype=np.int32)
    previous = np.where(chained, position[np.maximum(earlier, 0)], np.int32(-1))[order]
    tickers = np.arange(n_tickers + 1)
    data = Rows(
        start=v.start[first],
        end=v.end[first],
        current=np.full(int(first.sum()), -1, dtype=np.int32),
        value=v.value[rows],
        flags=flags[rows],
        order=v.order[rows],
        known=v.known[rows],
        previous=previous.astype(np.int32),
    )
    return Item(
        data,
        period[rows].astype(np.int32),
        np.searchsorted(v.ticker[rows], tickers),
        np.searchsorted(v.ticker[first], tickers),
        v.row[rows],
    )
