"""The tables of a market: those of a store, some replaced by planted ones, all of them perhaps cut at a session.

1. A table is read once, when it is asked for, and kept.
2. Rows of a symbol that two companies used get the permanent names of the security master (`market.securities`).
3. Cut contents take the rows of the whole ones and leave out what was not known at the session (`market.cut`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market import securities
from market.cut import cut_table
from market.errors import DataError
from market.fingerprint import Fingerprint, combined
from market.manifest import Manifest
from market.store import Store, schema_of
from market.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from market.validation import Rejection

PRICE_COLUMNS = ("date", "ticker", "close", "volume", "dividend", "split", "adj_close")


class Contents:
    """Tables by name, in canonical types."""

    def __init__(
        self,
        label: str,
        store: Store | None = None,
        planted: Mapping[str, pd.DataFrame] | None = None,
        refused: Sequence[Rejection] = (),
    ) -> None:
        """`refused` are rows of the user's own files that could not enter."""
        self.label = label
        self.refused = tuple(refused)
        self.store = store
        self.planted = dict(planted or {})
        self._frames: dict[str, pd.DataFrame] = {}

    def has(self, name: str) -> bool:
        """Whether there is a table of that name, with rows; raises `DataError` for a name no table has."""
        schema_of(name)
        if name in self.planted:
            return len(self.planted[name]) > 0
        return self.store is not None and self.store.has(name) and self.store.entry(name).rows > 0

    def rows(self, name: str) -> pd.DataFrame:
        """The rows of a table, shared: do not change them. Raises `DataError` where there is none."""
        if name not in self._frames:
            if not self.has(name):
                held = ", ".join(table for table in TABLES if self.has(table)) or "nothing"
                raise DataError(f"{self.label}: no table {name!r}; it holds {held}")
            self._frames[name] = self._read(name)
        return self._frames[name]

    def rows_of(self, name: str, ticker: str) -> pd.DataFrame:
        """The rows of one ticker; of a stored table that was not read yet, those rows only."""
        stored = self.store is not None and self.store.has(name) and name not in self.planted
        if not stored or name in self._frames or self._reused is not None:
            rows = self.rows(name)
            return rows[(rows["ticker"] == ticker).to_numpy(dtype=bool)]
        quoted = ticker.replace("'", "''")
        return self._held_by(name).frame(name, where=f"ticker = '{quoted}'")

    def facts(self) -> pd.DataFrame | pa.Table:
        """What statements are computed from: the stored columns as they lie where nothing stands between, else rows."""
        from market.fact_columns import COLUMNS, TEXTS

        if self.store is None or "facts" in {*self.planted, *self._frames} or self._reused is not None:
            return self.rows("facts")
        return self._held_by("facts").encoded("facts", COLUMNS, TEXTS)

    def facts_store(self) -> Store | None:
        """The store of which the facts are, as they lie there; None where something stands between."""
        plain = self.store is not None and "facts" not in self.planted and self._reused is None
        return self.store if plain else None

    def _read(self, name: str) -> pd.DataFrame:
        rows = self._raw(name)
        if name == "securities":
            return securities.labelled(rows)
        return securities.relabel(rows, self._reused, TABLES[name].dated_by or "")

    def _raw(self, name: str) -> pd.DataFrame:
        if name in self.planted:
            return self.planted[name]
        return self._held_by(name).frame(name)

    def _held_by(self, name: str) -> Store:
        if self.store is None:
            raise DataError(f"{self.label}: no table {name!r}")
        return self.store

    @cached_property
    def _reused(self) -> pd.DataFrame | None:
        """The security master as given, where it says that a symbol was used twice."""
        if not self.has("securities"):
            return None
        rows = self._raw("securities")
        return rows if rows["ticker"].duplicated().any() else None

    def prices(self) -> pa.Table:
        """The columns of `prices` that a panel needs, as Arrow; raises `DataError` where there is not one row."""
        import pyarrow as pa

        if not self.has("prices"):
            raise DataError(f"{self.label}: no prices")
        if "prices" not in self.planted and self._reused is None:
            return self._held_by("prices").arrow("prices", PRICE_COLUMNS)
        frame = self.rows("prices").reindex(columns=list(PRICE_COLUMNS))
        days = pa.array(frame["date"].to_numpy().astype("datetime64[D]"))
        arrays = [days, pa.array(frame["ticker"].to_list(), pa.string())]
        arrays += [pa.array(frame[name].to_numpy(dtype=np.float64)) for name in PRICE_COLUMNS[2:]]
        return pa.Table.from_arrays(arrays, list(PRICE_COLUMNS))

    def items(self) -> frozenset[str]:
        """Names of the items that the facts hold."""
        if not self.has("facts"):
            return frozenset()
        if self.store is not None and "facts" not in {*self.planted, *self._frames}:
            return frozenset(self.store.query("SELECT DISTINCT item FROM facts", ("facts",))["item"].to_pylist())
        return frozenset(map(str, self.rows("facts")["item"].unique()))

    @cached_property
    def manifest(self) -> Manifest:
        """What the store says of its tables; planted tables are described from their rows."""
        from market.writer import describe

        manifest = self.store.manifest if self.store is not None else Manifest()
        for name, rows in self.planted.items():
            manifest = manifest.with_entry(name, describe(rows, name, "", str(Fingerprint.of(rows)), "given"))
        return manifest

    @property
    def fingerprint(self) -> str:
        """Hash of the content of all tables."""
        return self.manifest.fingerprint

    def with_tables(self, planted: Mapping[str, pd.DataFrame]) -> Contents:
        """These contents with whole tables replaced; the others are not read again."""
        other = Contents(self.label, self.store, {**self.planted, **planted})
        if "securities" not in planted:  # it says which symbols the rows of the others go by
            # Facts are better read as columns than taken from rows that happen to be there.
            other._frames = {name: rows for name, rows in self._frames.items() if name not in {*planted, "facts"}}
        return other

    def cut(self, session: pd.Timestamp, sessions: pd.DatetimeIndex) -> Contents:
        """What of these contents was known at the close of `session`; `sessions` are those of the whole market."""
        return _CutContents(self, session, sessions)


class _CutContents(Contents):
    """Contents without whatever was not known at a session."""

    def __init__(self, whole: Contents, session: pd.Timestamp, sessions: pd.DatetimeIndex) -> None:
        super().__init__(whole.label)
        self._whole = whole
        self._session = session
        self._sessions = sessions

    def has(self, name: str) -> bool:
        return self._whole.has(name)

    def _read(self, name: str) -> pd.DataFrame:
        return cut_table(name, self._whole.rows(name), self._session, self._sessions)

    @cached_property
    def manifest(self) -> Manifest:
        return self._whole.manifest

    @property
    def fingerprint(self) -> str:
        return combined({"whole": self._whole.fingerprint, "cut": self._session.date().isoformat()})

    def with_tables(self, planted: Mapping[str, pd.DataFrame]) -> Contents:
        raise DataError("plant tables in the whole market, then cut it")
