"""From a facts table to histories: the versions of each item put in order, and followed through time.

1. Facts become arrays (`market.fact_columns`), grouped by item.
2. `market.facts.completed` fills two items from their parts; `market.arrangement` puts versions in order.
3. `market.quarters` (compiled, some companies a thread) says which figure held from which session on.
4. A balance that a company gives once a year (its last two stand a year apart) lasts 15 months instead of 200 days, as
   many do with debt: at 200 days it would be known from February to July, unknown from August to January, and a
   screen would rank by the calendar.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.arrangement import Item, arranged
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
)
from market.histories import BASES, Basis, History

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
MAX_AGE_DAYS = {"latest": STALE_DAYS, "quarter": STALE_DAYS, "ttm": FLOW_MAX_AGE_DAYS, "year": FLOW_MAX_AGE_DAYS}
YEAR_DAYS = (350, 380)  # between two fiscal year ends, 52 and 53 weeks included
COMPANIES_PER_THREAD = 250  # below it a thread costs more than it saves
PARTS = {
    "gross_profit": (("revenue", 1.0, True), ("cost_of_revenue", -1.0, True)),
    "liabilities": (("assets", 1.0, True), ("equity", -1.0, True), ("minority_interest", -1.0, False)),
}


class Derivation:
    """The histories of the companies of one facts table. `companies` are tickers; rows of others are left out."""

    def __init__(self, read: Callable[[], pd.DataFrame | pa.Table], companies: pd.Index) -> None:
        """`read` gives the table when it is first needed."""
        self.companies = companies
        self._read = read
        self._items: dict[str, Item | None] = {}

    @cached_property
    def facts(self) -> FactColumns:
        """The facts table as arrays."""
        table = self._read()
        return FactColumns.of(arrow_table(table) if isinstance(table, pd.DataFrame) else table, self.companies)

    def item(self, name: str) -> Item | None:
        """All versions of an item; None where no company has it."""
        if name not in self._items:
            versions = self._versions(name)
            if name in PARTS:
                parts = [(self._versions(part), sign, need) for part, sign, need in PARTS[name]]
                versions = completed(versions, parts, MAX_LIABILITIES_TO_ASSETS if name == "liabilities" else np.inf)
            self._items[name] = arranged(versions, len(self.companies)) if len(versions.value) else None
        return self._items[name]

    def history(self, name: str, basis: Basis, lag: int) -> History | None:
        """What each company's figure was from each session on; None where no company has the item."""
        item = self.item(name)
        return None if item is None else self._followed(item, basis, lag)

    def newest(self, company: int, name: str, begin: int, end: int, day: int) -> int | None:
        """Row of the version in force on a day of the fact with that item and period; None where there is none.

        Where an item was made from its parts, the fact is that of the first part.
        """
        f = self.facts
        for item in (name, *(part for part, _, _ in PARTS.get(name, ())[:1])):
            if item not in f.items:
                continue
            rows = self._rows_by_item[f.items.index(item)]
            rows = rows[f.ticker[rows] == company]
            rows = rows[(f.end[rows] == end) & (f.start[rows] == begin) & (f.known[rows] <= day)]
            if len(rows):
                return int(rows[np.lexsort((f.value[rows], f.order[rows], f.known[rows]))[-1]])
        return None

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
                item.data, item.period, item.rows, item.periods, BASES.index(basis), lag_days, *span
            )
            return found

        parts = _in_threads(follow, len(self.companies))
        company = np.repeat(np.arange(len(self.companies)), np.concatenate([counts for counts, _, _ in parts]))
        known, newest, end, row, flags = np.concatenate([out for _, out, _ in parts], axis=1)
        value = np.concatenate([values for _, _, values in parts])
        begin = np.where(row >= 0, item.data.start[item.period[row]], NO_DATE).astype(np.int32)
        filed = np.where(row >= 0, self.facts.filed[item.source[row]], NO_DATE).astype(np.int32)
        lasts = _max_age(basis, company, newest)
        return History((company << 32) | known, newest, end, begin, flags, filed, value, lasts)


def _max_age(basis: Basis, company: IntArray, newest: Array32) -> NDArray[np.int16]:
    """How long each event's figure lasts: a balance whose period before ended a year earlier is given once a year."""
    result = np.full(len(newest), MAX_AGE_DAYS[basis], dtype=np.int16)
    if basis == "latest" and len(newest):
        changed = np.r_[True, (company[1:] != company[:-1]) | (newest[1:] != newest[:-1])]
        spell = np.cumsum(changed) - 1
        first = np.flatnonzero(changed)
        gap = np.r_[0, np.diff(newest[first])]
        gap[np.r_[True, np.diff(company[first]) != 0]] = 0
        yearly = (gap >= YEAR_DAYS[0]) & (gap <= YEAR_DAYS[1])
        result[yearly[spell]] = FLOW_MAX_AGE_DAYS
    return result


def _spans(n_companies: int) -> list[tuple[int, int]]:
    """Ranges of companies, one a thread."""
    threads = max(1, min(os.cpu_count() or 1, n_companies // COMPANIES_PER_THREAD))
    bounds = np.linspace(0, n_companies, threads + 1).astype(int).tolist()
    return list(pairwise(bounds))


def _in_threads(work: Callable[[tuple[int, int]], T], n_companies: int) -> list[T]:
    """Run compiled work on ranges of companies; it holds no lock of the interpreter."""
    spans = _spans(n_companies)
    if len(spans) == 1:
        return [work(spans[0])]
    with ThreadPoolExecutor(len(spans)) as pool:
        return list(pool.map(work, spans))
