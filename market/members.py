"""Dated index membership: who was in an index on a day, as far as the table knows.

1. The `members` table holds intervals `[start, end]`, both days inclusive; an empty `end` is a current member.
2. At a session a name is a member where one of its intervals holds that day. Nothing else counts: a later member is
   none.
3. `pitindex` is the live source. A user's cache can override its packaged data, so what was read is fingerprinted, and
   compared with what the pinned version ships.
4. Its symbols are those of the day; they are renamed to today's, and intervals that a rename had cut are joined.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.errors import DataError
from market.symbols import ONE_DAY, SymbolMap, map_of, renames_in

PINNED_VERSION = "0.2.1"
PITINDEX_FILES = ("seed", "changes", "current")
Intervals = tuple[NDArray[np.object_], NDArray[np.datetime64], NDArray[np.datetime64]]  # ticker, start, end


@dataclass(frozen=True)
class Members:
    """The `members` table in canonical types."""

    table: pd.DataFrame

    @property
    def indices(self) -> tuple[str, ...]:
        return tuple(sorted(set(map(str, self.table["index"]))))

    def first_day(self, index: str) -> pd.Timestamp:
        """The day from which members of an index are known."""
        return pd.Timestamp(self._of(index)[1].min())

    def on(self, index: str, day: pd.Timestamp) -> list[str]:
        """Tickers of a day's members, sorted; raises `DataError` for an unknown index or a day before its first."""
        tickers, start, end = self._of(index)
        if day < start.min():
            raise DataError(f"members of {index!r} begin {pd.Timestamp(start.min()).date()}, after {day.date()}")
        inside = (start <= day.to_datetime64()) & (np.isnat(end) | (end >= day.to_datetime64()))
        return sorted(set(tickers[inside]))

    def mask(self, index: str, day: pd.Timestamp, tickers: pd.Index) -> NDArray[np.bool_]:
        """Whether each ticker was a member on a day; shape (N,)."""
        return np.asarray(tickers.isin(self.on(index, day)), dtype=bool)

    def _of(self, index: str) -> Intervals:
        if index not in self._intervals:
            held = self.table[self.table["index"] == index]
            if held.empty:
                known = ", ".join(self.indices) or "none"
                raise DataError(f"no members of index {index!r} in this store; it has: {known}")
            open_ended = np.full(len(held), np.datetime64("NaT", "ns"))
            end = held["end"].to_numpy() if "end" in held else open_ended
            self._intervals[index] = held["ticker"].astype(str).to_numpy(dtype=object), held["start"].to_numpy(), end
        return self._intervals[index]

    @cached_property
    def _intervals(self) -> dict[str, Intervals]:
        """Of each index that was asked for."""
        return {}


@dataclass(frozen=True)
class LiveMembers:
    """What `pitindex` says: `members` and `symbols` rows, and the SHA-256 of the files they were read from.

    `packaged` is false where the user's cache stood in for a file of the package, or the package is not the pinned one.
    """

    members: pd.DataFrame
    symbols: pd.DataFrame
    sha256: str
    packaged: bool
    source: str


def from_pitindex(index: str) -> LiveMembers:
    """Membership of `sp500`, `sp400`, `sp600` or `sp1500` in today's symbols; raises `DataError` for another index."""
    from pitindex import _loader
    from pitindex._registry import COMPOSITE_INDICES, PHYSICAL_INDICES

    if index not in PHYSICAL_INDICES and index not in COMPOSITE_INDICES:
        raise DataError(f"no index is called {index!r}; known: {', '.join((*PHYSICAL_INDICES, *COMPOSITE_INDICES))}")
    parts = COMPOSITE_INDICES.get(index, (index,))
    digest, packaged = hashlib.sha256(), True
    for name in (f"{part}_{kind}.csv" for part in parts for kind in PITINDEX_FILES):
        shipped = (resources.files("pitindex.data") / name).read_bytes()
        cached = _loader.USER_CACHE / name
        read = cached.read_bytes() if cached.exists() else shipped
        packaged &= read == shipped
        digest.update(read)
    origin = "packaged data" if packaged else "user cache, which differs from the packaged data"
    source = f"pitindex {version('pitindex')} ({origin}, sha256 {digest.hexdigest()[:12]})"
    events = {part: _loader.load_events(part) for part in parts}
    symbols = map_of(renames_in((e.date, e.ticker, e.reason) for part in parts for e in events[part]), source)
    intervals: list[tuple[str, pd.Timestamp, pd.Timestamp | None]] = []
    for part in parts:
        seeded, roster = _loader.load_seed(part)
        since = {ticker: pd.Timestamp(seeded) for ticker in roster}
        for event in events[part]:
            if event.action == "added":
                since.setdefault(event.ticker, pd.Timestamp(event.date))
            elif (start := since.pop(event.ticker, None)) is not None:
                intervals.append((event.ticker, start, pd.Timestamp(event.date) - ONE_DAY))
        intervals += [(ticker, start, None) for ticker, start in since.items()]
    members = joined(index, intervals, SymbolMap(symbols))
    return LiveMembers(members, symbols, digest.hexdigest(), packaged and version("pitindex") == PINNED_VERSION, source)


def joined(
    index: str, intervals: list[tuple[str, pd.Timestamp, pd.Timestamp | None]], symbols: SymbolMap
) -> pd.DataFrame:
    """`members` rows of intervals `(symbol, start, end)`, in permanent names, with touching intervals made one."""
    named = sorted(
        (symbols.ticker(symbol, start, ()), start, pd.Timestamp.max if end is None else end)
        for symbol, start, end in intervals
        if end is None or end >= start
    )
    rows: list[tuple[str, pd.Timestamp, pd.Timestamp]] = []
    for ticker, start, end in named:
        if rows and rows[-1][0] == ticker and start - ONE_DAY <= rows[-1][2]:
            rows[-1] = (ticker, rows[-1][1], max(end, rows[-1][2]))
        else:
            rows.append((ticker, start, end))
    frame = pd.DataFrame(rows, columns=["ticker", "start", "end"])
    frame["end"] = frame["end"].where(frame["end"] != pd.Timestamp.max)
    return frame.assign(index=index)[["index", "ticker", "start", "end"]]
