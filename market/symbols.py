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
        rows = self.table[self.table["symbol"] == symbol]
        if day is not None:
            inside = (rows["start"].isna() | (rows["start"] <= day)) & (rows["end"].isna() | (rows["end"] >= day))
            return str(rows.loc[inside, "ticker"].iloc[0]) if inside.any() else symbol
        if symbol in known or rows.empty:
            return symbol
        return str(rows.assign(last=rows["end"].fillna(pd.Timestamp.max)).sort_values("last")["ticker"].iloc[-1])


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
