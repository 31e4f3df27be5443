"""Company fundamentals as known at a session, aligned with the tickers.

1. `Statements.build` reads the facts once into arrays (`market.fact_columns`) and groups them by item.
2. The first question about (item, basis, lag) turns the item's versions into a piecewise constant history per company:
   which figure held from which session on (`market.quarters`; `market.facts.completed` fills two items from parts).
3. `Statements.at(session)` (`market.statement_view`) answers by binary search: nothing is recomputed, and nothing known
   later is seen.
4. Freshness at the session: a balance-sheet item or a single quarter whose newest period ended more than 200 days ago
   is unknown; a trailing or fiscal year lasts 15 months. So does a balance that the company gives once a year (its last
   two stand a year apart), as many do with debt: at 200 days it would be known from February to July, unknown from
   August to January, and a screen would rank by the calendar.
5. `lag` counts quarters for `ttm`, `latest` and `quarter`, fiscal years for `year`; freshness is that of lag 0.

Values are float64 in USD (shares for share counts), shape (N,), NaN where unknown. The arrays are read-only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.arrangement import Item, Rows, arranged
from market.errors import DataError
from market.fact_columns import FactColumns, arrow_table
from market.facts import (
    FLOW_MAX_AGE_DAYS,
    MAX_LIABILITIES_TO_ASSETS,
    NO_DATE,
    STALE_DAYS,
    Array32,
    FloatArray,
    IntArray,
    Versions,
    completed,
    days,
    kind_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from market.statement_memo import StatementMemo
    from market.statement_view import StatementView

T = TypeVar("T")
Basis = Literal["ttm", "latest", "quarter", "year"]
BASES: tuple[Basis, ...] = ("latest", "quarter", "ttm", "year")  # in the order of the codes of `market.quarters`
MAX_AGE_DAYS = {"latest": STALE_DAYS, "quarter": STALE_DAYS, "ttm": FLOW_MAX_AGE_DAYS, "year": FLOW_MAX_AGE_DAYS}
YEAR_DAYS = (350, 380)  # between two fiscal year ends, 52 and 53 weeks included
TICKERS_PER_THREAD = 250  # below it a thread costs more than it saves
__all__ = [
    "BASES",
    "MAX_AGE_DAYS",
    "Basis",
    "History",
    "Rows",
    "Statements",
    "default_basis",
]  # compiled caches name Rows
_PARTS = {
    "gross_profit": (("revenue", 1.0, True), ("cost_of_revenue", -1.0, True)),
    "liabilities": (("assets", 1.0, True), ("equity", -1.0, True), ("minority_interest", -1.0, False)),
}


@dataclass(frozen=True, eq=False)
class History:
    """Events of one (item, basis, lag), by ticker and known session."""

    key: IntArray  # ticker << 32 | known session, ascending
    newest: Array32
    end: Array32
    row: Array32  # of the facts table, -1 = unknown
    flags: Array32
    filed: Array32  # day on which the figure was first filed, `NO_DATE` where unknown
    value: FloatArray
    max_age: IntArray  # days that the figure lasts after `newest`


@dataclass
class Walk:
    """Where the events of each company start and end in a history, and how far a walk through its dates has come."""

    start: IntArray
    end: IntArray
    known: Array32  # session of each event
    reached: tuple[int, IntArray]  # a session, and each company's first event after it

    @classmethod
    def of(cls, history: History, n_tickers: int) -> Walk:
        bounds = np.searchsorted(history.key, np.arange(n_tickers + 1) << 32)
        known = (history.key & 0xFFFFFFFF).astype(np.int32)
        return cls(bounds[:-1], bounds[1:], known, (-1, bounds[:-1]))


class Statements:
    """Every figure of every company, from the session on which it became known. Read through `at(session)`."""

    def __init__(
        self,
        read: Callable[[], pd.DataFrame | pa.Table],
        tickers: pd.Index,
        sessions: pd.DatetimeIndex,
        memo: StatementMemo | None = None,
    ) -> None:
        """`read` gives the facts table when it is first needed; with a `memo` that holds all that is asked, never."""
        self.tickers = tickers
        self.sessions = sessions
        self.session_days = days(sessions)
        self._read = read
        self._memo = memo
        self._items: dict[str, Item | None] = {}
        self._histories: dict[tuple[str, Basis, int], History | None] = {}
        self._walks: dict[History, Walk] = {}

    @classmethod
    def build(cls, facts: pd.DataFrame | pa.Table, tickers: pd.Index, sessions: pd.DatetimeIndex) -> Statements:
        """Read a facts table (interface.md; a frame or Arrow) for the companies `tickers` and sessions `sessions`.

        Rows of other tickers, without a value, with a period that ends before it starts, and flows without a
        `period_start` are left out.
        """
        statements = cls(lambda: facts, tickers, sessions)
        assert len(statements.facts.usable) == len(facts)  # read now: the caller may change the frame later
        return statements

    @cached_property
    def facts(self) -> FactColumns:
        """The facts table as arrays."""
        table = self._read()
        frame = isinstance(table, pd.DataFrame)
        return FactColumns.of(arrow_table(table) if frame else table, self.tickers, self.sessions)

    def at(self, session: pd.Timestamp | str) -> StatementView:
        """The fundamentals as known at the close of a session (a non-session counts as the session before it)."""
        from market.statement_view import StatementView

        position = int(self.sessions.searchsorted(pd.Timestamp(session).normalize(), side="right")) - 1
        if position < 0:
            raise DataError(f"no session on or before {pd.Timestamp(session):%Y-%m-%d}: fundamentals start later")
        return StatementView(self, position)

    def has(self, name: str) -> bool:
        """Whether the facts hold an item of that name."""
        return name in self.facts.items

    def item(self, name: str) -> Item | None:
        """All versions of an item; None where no company has it."""
        if name not in self._items:
            versions = self._versions(name)
            if name in _PARTS:
                parts = [(self._versions(part), sign, need) for part, sign, need in _PARTS[name]]
                versions = completed(versions, parts, MAX_LIABILITIES_TO_ASSETS if name == "liabilities" else np.inf)
            self._items[name] = arranged(versions, len(self.tickers)) if len(versions.value) else None
        return self._items[name]

    def history(self, name: str, basis: Basis, lag: int) -> History | None:
        """What each company's figure was from each session on; None where there is none at all."""
        key = (name, basis, lag)
        if key not in self._histories:
            found = self._memo.load(*key) if self._memo is not None else None
            if found is None:
                item = self.item(name)
                found = None if item is None else self._followed(item, basis, lag)
                if self._memo is not None:
                    self._memo.save(*key, found)
            self._histories[key] = found if found is not None and len(found.key) else None
        return self._histories[key]

    def reached(self, history: History, position: int) -> IntArray:
        """The last event of each company up to a session, as positions in `history`; -1 where there is none yet.

        Dates are mostly asked for in order: where an earlier one was asked for, each company moves on from there.
        """
        if history not in self._walks:
            self._walks[history] = Walk.of(history, len(self.tickers))
        walk = self._walks[history]
        before, following = walk.reached
        if before <= position:
            following = following.copy()
            while True:
                more = following < walk.end
                more &= walk.known[np.minimum(following, len(walk.known) - 1)] <= position
                if not more.any():
                    break
                following += more
        else:
            wanted = (np.arange(len(self.tickers)) << 32) | position
            following = np.searchsorted(history.key, wanted, side="right")
        walk.reached = position, following
        return np.where(following > walk.start, following - 1, -1)

    def versions_of(self, row: int, position: int) -> NDArray[np.int64]:
        """Rows of the facts table with the company, item and period of one row, known at a session; best last."""
        f = self.facts
        rows = self._rows_by_item[int(f.item[row])]
        rows = rows[f.ticker[rows] == f.ticker[row]]
        rows = rows[(f.end[rows] == f.end[row]) & (f.start[rows] == f.start[row]) & (f.known[rows] <= position)]
        return rows[np.lexsort((f.value[rows], f.order[rows], f.known[rows]))]

    @cached_property
    def _rows_by_item(self) -> list[NDArray[np.int64]]:
        """Usable rows of the table by item."""
        usable = np.flatnonzero(self.facts.usable)
        code = self.facts.item[usable]
        by_item = np.argsort(code, kind="stable")  # two-byte integers: a radix sort
        bounds = np.searchsorted(code[by_item], np.arange(len(self.facts.items) + 1))
        return [usable[by_item[a:b]] for a, b in pairwise(bounds)]

    def _versions(self, name: str) -> Versions:
        f = self.facts
        rows = self._rows_by_item[f.items.index(name)] if name in f.items else np.empty(0, dtype=np.int64)
        return Versions(
            f.ticker[rows], f.start[rows], f.end[rows], f.value[rows], f.known[rows], f.order[rows],
            rows.astype(np.int32), f.flags[rows],
        )  # fmt: skip

    def _followed(self, item: Item, basis: Basis, lag: int) -> History:
        from market import quarters  # compiled code: loaded when first asked for

        lag_days = round(lag * (365.25 if basis == "year" else 91.3125))
        item.data.current[:] = -1

        def follow(span: tuple[int, int]) -> tuple[IntArray, Array32, FloatArray]:
            found: tuple[IntArray, Array32, FloatArray] = quarters.history(
                item.data, item.period, item.rows, item.periods, self.session_days, BASES.index(basis), lag_days, *span
            )
            return found

        parts = _in_threads(follow, len(self.tickers))
        ticker = np.repeat(np.arange(len(self.tickers)), np.concatenate([counts for counts, _, _ in parts]))
        known, newest, end, row, flags = np.concatenate([out for _, out, _ in parts], axis=1)
        value = np.concatenate([values for _, _, values in parts])
        row = np.where(row >= 0, item.source[row], -1)
        filed = np.where(row >= 0, self.facts.filed[row], NO_DATE).astype(np.int32)
        lasts = _max_age(basis, ticker, newest)
        return History((ticker << 32) | known, newest, end, row, flags, filed, value, lasts)


def _max_age(basis: Basis, ticker: IntArray, newest: Array32) -> IntArray:
    """How long each event's figure lasts: a balance whose period before ended a year earlier is given once a year."""
    result = np.full(len(newest), MAX_AGE_DAYS[basis], dtype=np.int64)
    if basis == "latest" and len(newest):
        changed = np.r_[True, (ticker[1:] != ticker[:-1]) | (newest[1:] != newest[:-1])]
        spell = np.cumsum(changed) - 1
        first = np.flatnonzero(changed)
        gap = np.r_[0, np.diff(newest[first])]
        gap[np.r_[True, np.diff(ticker[first]) != 0]] = 0
        yearly = (gap >= YEAR_DAYS[0]) & (gap <= YEAR_DAYS[1])
        result[yearly[spell]] = FLOW_MAX_AGE_DAYS
    return result


def default_basis(name: str) -> Basis:
    """`ttm` for flows, `latest` for everything else."""
    return "ttm" if kind_of(name) == "flow" else "latest"


def _spans(n_tickers: int) -> list[tuple[int, int]]:
    """Ranges of tickers, one a thread."""
    threads = max(1, min(os.cpu_count() or 1, n_tickers // TICKERS_PER_THREAD))
    bounds = np.linspace(0, n_tickers, threads + 1).astype(int).tolist()
    return list(pairwise(bounds))


def _in_threads(work: Callable[[tuple[int, int]], T], n_tickers: int) -> list[T]:
    """Run compiled work on ranges of tickers; it holds no lock of the interpreter."""
    spans = _spans(n_tickers)
    if len(spans) == 1:
        return [work(spans[0])]
    with ThreadPoolExecutor(len(spans)) as pool:
        return list(pool.map(work, spans))
