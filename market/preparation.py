"""Histories of a whole store, computed some companies at a time: memory holds a chunk, however large the store.

1. List the companies in the order in which the file first names them, with the row groups that hold their rows.
2. Take companies in that order until a chunk is full; read their row groups and compute all their histories.
3. Write each history's part to its file (`market.statement_memo`); events then lie by company as they should.

Files written company by company are read about once; a file in another order costs time and memory, never a result.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from market.derivation import Derivation
from market.fact_columns import COLUMNS, TEXTS
from market.histories import USUAL, Ask, History
from market.statement_memo import StatementMemo, batch_of
from market.store import Store

CHUNK_ROWS = 1 << 18
MEMOS = ".derived"
LOG = logging.getLogger("hedgebasket.store")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Company:
    """A ticker of the facts, and where its rows lie."""

    ticker: str
    rows: int
    first: int  # row group
    last: int


def memo_of(store: Store) -> StatementMemo | None:
    """Where the histories of a store's facts are kept; None for a store without facts, or a remote one."""
    if store.root is None or not store.has("facts") or not store.entry("facts").rows:
        return None
    return StatementMemo(store.root / MEMOS, store.entry("facts").fingerprint)


def prepare(store: Store, asks: Iterable[Ask] = USUAL, progress: Progress | None = None) -> StatementMemo | None:
    """The memo of a store with these histories in it, the missing ones computed; None where it cannot be kept."""
    memo = memo_of(store)
    if memo is None or (memo.begun and all(memo.has(*ask) for ask in asks)):
        return memo
    began = time.monotonic()
    path = store.root / store.entry("facts").file  # type: ignore[operator]
    try:
        companies = _companies(path)
        memo.begin([one.ticker for one in companies], _items(path))
        missing = sorted({ask for ask in asks if not memo.has(*ask)})
        _compute(memo, path, companies, missing, progress)
    except OSError as error:
        LOG.info("histories of %s cannot be kept: %s", store.location, error)
        return None
    LOG.info("computed %s histories of %s companies, %.2f s", len(missing), len(companies), time.monotonic() - began)
    return memo


def _compute(
    memo: StatementMemo, path: Path, companies: list[_Company], asks: list[Ask], progress: Progress | None
) -> None:
    with contextlib.ExitStack() as files, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        writers = {ask: files.enter_context(memo.writer(ask)) for ask in asks}
        by_item = [list(same) for _, same in groupby(asks, key=lambda ask: ask[0])]
        for first, chunk in _chunks(companies):
            if progress is not None:
                progress("computing statements", first, len(companies))
            table = _rows(path, chunk)
            derivation = Derivation(lambda table=table: table, pd.Index([one.ticker for one in chunk]))  # type: ignore[misc]
            assert derivation.facts.items is not None  # read before the threads start

            def of_item(same: list[Ask], derivation: Derivation = derivation) -> list[tuple[Ask, History | None]]:
                return [(ask, derivation.history(*ask)) for ask in same]

            for ask, history in (pair for pairs in pool.map(of_item, by_item) for pair in pairs):
                if history is not None:
                    shifted = replace(history, key=history.key + (np.int64(first) << 32))
                    writers[ask].write_batch(batch_of(shifted))
    if progress is not None:
        progress("computing statements", len(companies), len(companies))


def _companies(path: Path) -> list[_Company]:
    """Every ticker of a facts file, in the order of first appearance."""
    found: dict[str, _Company] = {}
    with pq.ParquetFile(path, read_dictionary=["ticker"]) as file:
        for group in range(file.num_row_groups):
            counts = file.read_row_group(group, columns=["ticker"])["ticker"].combine_chunks().value_counts()
            names, rows = counts.field("values").cast(pa.string()).to_pylist(), counts.field("counts").to_pylist()
            for name, n in zip(names, rows, strict=True):
                if name is not None:
                    before = found.get(name)
                    first, held = (group, 0) if before is None else (before.first, before.rows)
                    found[name] = _Company(name, held + n, first, group)
    return list(found.values())


def _items(path: Path) -> list[str]:
    with pq.ParquetFile(path, read_dictionary=["item"]) as file:
        found = {
            name
            for group in range(file.num_row_groups)
            for name in pc.unique(file.read_row_group(group, columns=["item"])["item"]).to_pylist()
        }
    return sorted(found - {None})


def _chunks(companies: list[_Company]) -> Iterator[tuple[int, list[_Company]]]:
    """Runs of companies of about `CHUNK_ROWS` rows each, with the code of the first."""
    first, rows, chunk = 0, 0, list[_Company]()
    for code, company in enumerate(companies):
        if chunk and rows + company.rows > CHUNK_ROWS:
            yield first, chunk
            first, rows, chunk = code, 0, []
        chunk.append(company)
        rows += company.rows
    if chunk:
        yield first, chunk


def _rows(path: Path, chunk: list[_Company]) -> pa.Table:
    """The facts of some companies."""
    groups = list(range(min(one.first for one in chunk), max(one.last for one in chunk) + 1))
    held = pq.read_schema(path).names
    with pq.ParquetFile(path, read_dictionary=[name for name in TEXTS if name in held]) as file:
        table = file.read_row_groups(groups, columns=[name for name in COLUMNS if name in held])
    return table.filter(pc.is_in(table["ticker"], pa.array([one.ticker for one in chunk])))
