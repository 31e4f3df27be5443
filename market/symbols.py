"""The dated symbol map: under which permanent name a store keeps what traded as a symbol on a day.

1. A row says: from `start` to `end` (both inclusive, empty is open) the symbol meant `ticker`.
2. A symbol on a day is the `ticker` of the row that holds the day; without a row it is itself.
3. Without a day it is itself where the store knows such a name, else the last one it meant.
4. Renames chain: CBS became VIAC, PARA and PSKY, so CBS until 2019-12-03 means PSKY. A symbol that another company
   took over (IR, 2020-02-29) means the old one before that day and the new one after it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

ONE_DAY = pd.Timedelta(days=1)
_RENAME = re.compile(r"^rename → ([A-Z.\-]+)")


@dataclass(frozen=True)
class Rename:
    """From `date` on, what traded as `old` trades as `new`."""

    date: pd.Timestamp
    old: str
    new: str


@dataclass(frozen=True)
class SymbolMap:
    """The `symbols` table."""

    table: pd.DataFrame

    def ticker(self, symbol: str, day: pd.Timestamp | None, known: Container[str]) -> str:
        """The permanent name of a symbol on a day (or at large); the symbol itself where no row speaks of it."""
        rows = self._rows.get(symbol, [])
        if day is not None:
            return next((name for start, end, name in rows if start <= day <= end), symbol)
        return symbol if symbol in known or not rows else rows[-1][2]

    @cached_property
    def _rows(self) -> dict[str, list[tuple[pd.Timestamp, pd.Timestamp, str]]]:
        """Rows of each symbol, by their end; open ends lie at the ends of time."""
        found: dict[str, list[tuple[pd.Timestamp, pd.Timestamp, str]]] = {}
        empty = pd.Series(pd.NaT, index=self.table.index, dtype="datetime64[ns]")
        starts = self.table.get("start", empty).astype("datetime64[ns]").fillna(pd.Timestamp.min)
        ends = self.table.get("end", empty).astype("datetime64[ns]").fillna(pd.Timestamp.max)
        for row in sorted(zip(ends, starts, self.table["symbol"], self.table["ticker"], strict=True)):
            found.setdefault(str(row[2]), []).append((row[1], row[0], str(row[3])))
        return found


def map_of(renames: Iterable[Rename], source: str) -> pd.DataFrame:
    """The `symbols` rows of a list of renames, each followed to the symbol in use after the last of them."""
    ordered = sorted(renames, key=lambda rename: rename.date)
    rows: list[tuple[str, str, pd.Timestamp | None, pd.Timestamp, str]] = []
    for rename in ordered:
        current, day = rename.new, rename.date
        while later := [r for r in ordered if r.old == current and r.date > day]:
            current, day = later[0].new, later[0].date
        began = [r.date for r in ordered if r.new == rename.old and r.date < rename.date]
        if current != rename.old:
            rows.append((rename.old, current, began[-1] if began else None, rename.date - ONE_DAY, source))
    frame = pd.DataFrame(rows, columns=["symbol", "ticker", "start", "end", "source"])
    return frame.assign(start=pd.to_datetime(frame["start"]), end=pd.to_datetime(frame["end"]))


def renames_in(events: Iterable[tuple[object, str, str | None]]) -> list[Rename]:
    """Renames among index events `(date, ticker, reason)`, as `pitindex` words them (`rename → META: ...`)."""
    found = ((date, ticker, _RENAME.match(reason or "")) for date, ticker, reason in events)
    return [Rename(pd.Timestamp(str(date)), ticker, match.group(1)) for date, ticker, match in found if match]
