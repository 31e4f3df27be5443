"""The facts table as arrays of small integers: what statements are computed from.

1. Texts become positions in lists of their distinct values (Arrow's dictionaries, from the file where it has them).
2. Dates become days; `known` is the session of the exchange from which a row was known (`market.facts`).
3. Rows that cannot serve are marked: other tickers, no value, a flow without a start, known after the last session
   of the calendar.

Nothing is sorted here, and no text is made for a row unless it is asked for (`record`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from market.calendar import nyse_sessions
from market.facts import CLOSE_HOUR, NO_DATE, Array32, Flag, days, flag_bits, kind_of, known_positions

COLUMNS = ("ticker", "item", "period_end", "value", "period_start", "filed", "known_at", "form", "accession", "flags")
TEXTS = ("ticker", "item", "form", "accession", "flags")
DATES = ("period_end", "period_start", "filed", "known_at")
_SECONDS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True)
class FactColumns:
    """Parallel arrays of shape (n_rows,), in the order of the table. `usable` marks the rows that serve."""

    ticker: Array32  # position in the tickers, -1 for others
    item: NDArray[np.int16]  # position in `items`
    start: Array32  # days; for balance-sheet items the end
    end: Array32
    value: NDArray[np.float64]
    filed: Array32  # days; `NO_DATE` where unknown
    known: Array32  # day, a session of the exchange
    order: Array32  # rank of the accession, -1 without one
    flags: Array32
    usable: NDArray[np.bool_]
    items: tuple[str, ...]
    table: pa.Table

    def record(self, row: int) -> dict[str, object]:
        """Form, accession and filing date of one row, where the table has them."""
        names = [name for name in ("form", "accession", "filed") if name in self.table.column_names]
        return {name: self.table[name][row].as_py() for name in names}

    @classmethod
    def of(cls, table: pa.Table, tickers: pd.Index) -> FactColumns:
        """Read a facts table (Arrow; any order, dictionary-encoded or not)."""
        table = table.select([name for name in COLUMNS if name in table.column_names])
        name_code, names = _codes(table["ticker"])
        item_code, items = _codes(table["item"])
        known_tickers = tickers.get_indexer(pd.Index(names, dtype="object")) if names else np.empty(0, dtype=np.int64)
        ticker = np.append(known_tickers, -1).astype(np.int32)[name_code]
        end = _days(table, "period_end")
        start = _days(table, "period_start")
        value = table["value"].cast(pa.float64()).to_numpy()
        filed = _days(table, "filed")
        sessions = nyse_sessions()
        position, assumed = known_positions(
            filed, _days(table, "known_at", closes=True), end, _quarterly(table), sessions
        )
        inside = position < len(sessions)
        known = days(sessions)[np.where(inside, position, 0)]
        kinds = [kind_of(name) for name in items]
        flow = np.array([kind in ("flow", "average") for kind in kinds] + [False], dtype=bool)[item_code]
        usable = (ticker >= 0) & (item_code >= 0) & inside & np.isfinite(value) & (end != NO_DATE)
        usable &= np.where(start == NO_DATE, ~flow, start <= end)
        start = np.where((start == NO_DATE) | ~flow, end, start)
        flags = np.where(assumed, np.int32(Flag.ASSUMED_LAG), np.int32(0))
        if "flags" in table.column_names:
            code, words = _codes(table["flags"])
            flags |= np.array([*(flag_bits(word) for word in words), 0], dtype=np.int32)[code]
        return cls(
            ticker, item_code.astype(np.int16), start, end, value, filed, known, _order(table), flags, usable,
            tuple(items), table,
        )  # fmt: skip


def arrow_table(facts: pd.DataFrame) -> pa.Table:
    """The columns of a facts frame that statements read, as Arrow; dates may be texts."""
    kept = facts[[name for name in COLUMNS if name in facts]]
    return pa.Table.from_pandas(
        kept.assign(**{name: pd.to_datetime(kept[name]) for name in DATES if name in kept}), preserve_index=False
    )


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Position of each row's text among the distinct ones (-1 for none), and these."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return np.empty(0, dtype=np.int64), []
    codes = np.concatenate([chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks])
    return codes, column.chunk(0).dictionary.to_pylist()


def _days(table: pa.Table, name: str, closes: bool = False) -> Array32:
    """Days since 1970; with `closes`, times from 16:00 on count for the day after. No date is `NO_DATE`."""
    if name not in table.column_names:
        return np.full(table.num_rows, NO_DATE, dtype=np.int32)
    column = table[name]
    if pa.types.is_timestamp(column.type):
        ticks = column.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy()
        missing = ticks == np.iinfo(np.int64).min
        per_day = 86_400 * _SECONDS[column.type.unit]
        late = (24 - CLOSE_HOUR) * 3600 * _SECONDS[column.type.unit]
        day = np.where(missing, 0, (ticks + (late if closes else 0)) // per_day)
        return np.where(missing, NO_DATE, day).astype(np.int32)
    if not pa.types.is_date32(column.type):
        column = column.cast(pa.date32())
    return column.cast(pa.int32()).fill_null(NO_DATE).to_numpy()


def _quarterly(table: pa.Table) -> NDArray[np.bool_]:
    """Whether each row comes from a quarterly report."""
    if "form" not in table.column_names:
        return np.zeros(table.num_rows, dtype=bool)
    code, forms = _codes(table["form"])
    return np.array([*(form.startswith("10-Q") for form in forms), False], dtype=bool)[code]


def _order(table: pa.Table) -> Array32:
    """Rank of each row's accession, -1 without one: ties between versions go to the highest."""
    if "accession" not in table.column_names:
        return np.full(table.num_rows, -1, dtype=np.int32)
    code, names = _codes(table["accession"])
    texts = np.array(names, dtype=object)
    rank = np.empty(len(names) + 1, dtype=np.int32)
    rank[np.argsort(texts, kind="stable")] = np.arange(len(names), dtype=np.int32)
    rank[-1] = -1
    rank[:-1][texts == ""] = -1
    return rank[code]
