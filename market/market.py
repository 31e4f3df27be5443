"""The market a run works on: a store, or planted tables, seen whole or cut at a session.

1. `open_market` finds the store; nothing is read before it is asked for.
2. Prices are loaded once into arrays (`market.panel`); the sessions are those of the exchange from the first price to the
   last, and the tickers are all names with prices, sorted.
3. `as_of(session)` gives the one way to look at a date: a `View`, which never sees past that session's close.
4. `cut(session)` gives the same market with everything later removed; a result up to that session must not change by one
   bit when it is computed on the cut market. Tickers stay (labels carry no values), so that all shapes stay.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from market import calendar, securities
from market.cut import cut_table
from market.errors import DataError
from market.manifest import Manifest
from market.members import Members
from market.panel import PricePanel
from market.rates import rate_by_session
from market.store import MANIFEST, Store, schema_of
from market.tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from market.borrow import Borrow
    from market.capitalisation import MarketCaps
    from market.statements import Statements
    from market.view import View

SAMPLE = Path(__file__).parent / "sample"
PRICE_COLUMNS = ("date", "ticker", "close", "volume", "dividend", "split", "adj_close")
VIEWS_KEPT = 64  # views share the market's arrays; only what they computed themselves is kept


def open_market(where: str | Path = "sample") -> Market:
    """The market in a store: `sample` (what the package ships), a directory, or a read-only URI (`s3://...`).

    A directory without a manifest is read as your own tables (`prices.csv`, `facts.parquet`, ...), without being changed.
    Raises `DataError` where there is nothing to open.
    """
    if str(where) == "sample":
        return Market(Store(SAMPLE), name="sample")
    if "://" not in str(where):
        path = Path(where).expanduser()
        if path.is_dir() and not (path / MANIFEST).exists():
            from market.sources.files import read_directory

            return Market(None, name=path.name, root=path, planted=read_directory(path))
    return Market(Store(where))


class Market:
    """Prices, facts, members, rates and the rest, for all sessions or, when cut, up to one."""

    def __init__(
        self,
        store: Store | None,
        name: str = "",
        root: Path | None = None,
        planted: Mapping[str, pd.DataFrame] | None = None,
        parent: Market | None = None,
        horizon: pd.Timestamp | None = None,
    ) -> None:
        self._store = store
        self.root = store.root if store is not None else root
        self.name = name or (Path(store.location).name if store is not None else "planted")
        self._planted = dict(planted or {})
        self._parent = parent
        self._horizon = horizon
        self._frames: dict[str, pd.DataFrame] = {}
        self._views: dict[pd.Timestamp, View] = {}

    def __repr__(self) -> str:
        return f"<Market {self.name}: {len(self.tickers)} tickers, {self.start.date()} to {self.end.date()}>"

    # --- tables -----------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether there is a table of that name, with rows."""
        schema_of(name)
        if self._parent is not None:
            return self._parent.has(name)
        if name in self._planted:
            return len(self._planted[name]) > 0
        return self._store is not None and self._store.has(name) and self._store.entry(name).rows > 0

    def table(self, name: str) -> pd.DataFrame:
        """A copy of one table, in canonical types; raises `DataError` where there is none."""
        return self.rows(name).copy()

    def rows(self, name: str) -> pd.DataFrame:
        """As `table`, without the copy: do not change it."""
        if name not in self._frames:
            self._frames[name] = self._read(name)
        return self._frames[name]

    def _read(self, name: str) -> pd.DataFrame:
        if not self.has(name):
            held = ", ".join(table for table in TABLES if self.has(table)) or "nothing"
            raise DataError(f"{self.name}: no table {name!r}; it holds {held}")
        if self._parent is not None and self._horizon is not None:
            return cut_table(name, self._parent.rows(name), self._horizon, self._parent.sessions)
        rows = self._planted[name] if name in self._planted else self._store_of(name).frame(name)
        if name == "securities":
            return securities.labelled(rows)
        return securities.relabel(rows, self._symbols, TABLES[name].dated_by or "")

    @cached_property
    def _symbols(self) -> pd.DataFrame | None:
        """The security master as given, where it says that a symbol was used twice."""
        if not self.has("securities"):
            return None
        rows = self._planted.get("securities")
        rows = rows if rows is not None else self._store_of("securities").frame("securities")
        return rows if rows["ticker"].duplicated().any() else None

    def _store_of(self, name: str) -> Store:
        if self._store is None:
            raise DataError(f"{self.name}: no table {name!r}")
        return self._store

    @property
    def manifest(self) -> Manifest:
        """What the store says of its tables; planted tables are described from their rows."""
        from market.fingerprint import Fingerprint
        from market.writer import describe

        if self._parent is not None:
            return self._parent.manifest
        manifest = self._store.manifest if self._store is not None else Manifest()
        for name, rows in self._planted.items():
            entry = describe(rows, name, "", str(Fingerprint.of(rows)), "planted" if self._store else str(self.root))
            manifest = manifest.with_entry(name, entry)
        return manifest

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the content of all tables (and of the session it is cut at)."""
        from market.fingerprint import combined

        if self._parent is not None and self._horizon is not None:
            return combined({"whole": self._parent.fingerprint, "cut": self._horizon.date().isoformat()})
        return self.manifest.fingerprint

    # --- sessions and names -----------------------------------------------------------------------------------------

    @cached_property
    def _panel(self) -> PricePanel:
        if self._parent is not None:
            return self._parent._panel.select(end=self._horizon)
        rows = self._price_rows()
        if not rows.num_rows:
            raise DataError(f"{self.name}: the table prices is empty")
        import pyarrow.compute as pc

        span = pc.min_max(rows["date"]).as_py()
        sessions = calendar.sessions_between(span["min"], span["max"])
        tickers = pd.Index(sorted(pc.unique(rows["ticker"]).to_pylist()), dtype="object", name="ticker")
        return PricePanel.from_rows(rows, sessions, tickers)

    def _price_rows(self) -> pa.Table:
        import pyarrow as pa

        if "prices" not in self._planted and self._symbols is None:
            return self._store_of("prices").arrow("prices", PRICE_COLUMNS)
        frame = self.rows("prices").reindex(columns=list(PRICE_COLUMNS))
        arrays = [
            pa.array(frame["date"].to_numpy().astype("datetime64[D]")),
            pa.array(frame["ticker"].to_list(), pa.string()),
        ]
        arrays += [pa.array(frame[name].to_numpy(dtype=np.float64)) for name in PRICE_COLUMNS[2:]]
        return pa.Table.from_arrays(arrays, list(PRICE_COLUMNS))

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Exchange sessions from the first price to the last."""
        return self._panel.sessions

    @property
    def start(self) -> pd.Timestamp:
        return self.sessions[0]

    @property
    def end(self) -> pd.Timestamp:
        return self.sessions[-1]

    @property
    def tickers(self) -> pd.Index:
        """All names with prices, sorted; shape (N,)."""
        return self._panel.tickers

    @cached_property
    def securities(self) -> pd.DataFrame:
        """The security master by ticker (see `market.securities.master`)."""
        return securities.master(self.rows("securities") if self.has("securities") else None, self.tickers)

    def session(self, day: pd.Timestamp | str) -> pd.Timestamp:
        """`day` as a session of this market; raises `DataError` naming the nearest one where it is none."""
        stamp = _day(day)
        position = int(self.sessions.searchsorted(stamp))
        if position < len(self.sessions) and self.sessions[position] == stamp:
            return self.sessions[position]
        if stamp < self.start or stamp > self.end:
            nearest = self.start if stamp < self.start else self.end
            raise DataError(
                f"{stamp.date()} is outside the data ({self.start.date()} to {self.end.date()}); "
                f"the nearest session is {nearest.date()}"
            )
        before, after = self.sessions[position - 1], self.sessions[position]
        nearest = before if stamp - before <= after - stamp else after
        raise DataError(f"{stamp.date()} is not a session of the exchange; the nearest one is {nearest.date()}")

    def session_on_or_before(self, day: pd.Timestamp | str) -> pd.Timestamp:
        """The last session of this market not after a day; raises `DataError` where there is none."""
        position = int(self.sessions.searchsorted(_day(day), side="right")) - 1
        return self.session(day) if position < 0 else self.sessions[position]

    def session_on_or_after(self, day: pd.Timestamp | str) -> pd.Timestamp:
        """The first session of this market not before a day; raises `DataError` where there is none."""
        position = int(self.sessions.searchsorted(_day(day), side="left"))
        return self.session(day) if position == len(self.sessions) else self.sessions[position]

    # --- what others read -------------------------------------------------------------------------------------------

    def as_of(self, session: pd.Timestamp | str) -> View:
        """The market as known at the close of a session; raises `DataError` where the day is not one."""
        from market.view import View

        stamp = self.session(session)
        if stamp not in self._views:
            while len(self._views) >= VIEWS_KEPT:
                self._views.pop(next(iter(self._views)))
            self._views[stamp] = View(self, stamp)
        return self._views[stamp]

    def panel(
        self,
        tickers: Collection[str] | pd.Index | None = None,
        start: pd.Timestamp | str | None = None,
        end: pd.Timestamp | str | None = None,
    ) -> PricePanel:
        """Prices of some tickers (all) from `start` to `end`, both inclusive; raises `DataError` for an unknown name."""
        if tickers is not None:
            for ticker in tickers:
                if ticker not in self.tickers:
                    raise DataError(f"no prices of {ticker!r}{self.hint(str(ticker))}")
        if tickers is None and start is None and end is None:
            return self._panel
        index = None if tickers is None else pd.Index(list(tickers), dtype="object", name="ticker")
        return self._panel.select(index, None if start is None else _day(start), None if end is None else _day(end))

    def rates(self, name: str = "fed_funds") -> pd.Series:
        """A rate by session, decimal a year, the last value carried forward for ten days."""
        return rate_by_session(self.rows("rates"), name, self.sessions)

    def members_on(self, index: str, session: pd.Timestamp | str) -> list[str]:
        """Tickers of an index's members on a day, with or without data; sorted."""
        return self.members.on(index, _day(session))

    def coverage(self, index: str, session: pd.Timestamp | str) -> tuple[int, int]:
        """How many of that day's members have a close on it, and how many members there were."""
        held = self.members_on(index, session)
        row = self._panel.close[self._panel.row(self.session(session))]
        priced = self.tickers[~np.isnan(row)]
        return len(set(held) & set(priced)), len(held)

    def cut(self, session: pd.Timestamp | str) -> Market:
        """The same market with everything after a session's close removed."""
        stamp = self.session(session)
        return self if stamp == self._horizon else Market(None, self.name, self.root, None, self, stamp)

    def with_tables(self, **tables: pd.DataFrame) -> Self:
        """This market with whole tables replaced (planted data); raises `DataError` where a row breaks a check."""
        from market.validation import canonical

        if self._parent is not None:
            raise DataError("plant tables in the whole market, then cut it")
        planted = {name: canonical(rows, schema_of(name)) for name, rows in tables.items()}
        other = type(self)(self._store, self.name, self.root, {**self._planted, **planted})
        if "_panel" in self.__dict__ and not {"prices", "securities"} & set(planted):
            other.__dict__["_panel"] = self._panel  # the same prices: no need to read them again
        return other

    def notes(self) -> list[str]:
        """Standing warnings that belong beside every result on this data."""
        from market.notes import notes

        return notes(self)

    def hint(self, ticker: str) -> str:
        """`; did you mean ...?` for a ticker that is close to a known one, else nothing."""
        close = difflib.get_close_matches(ticker.upper(), [str(name) for name in self.tickers], 2, 0.6)
        return f"; did you mean {' or '.join(close)}?" if close else ""

    # --- shared by views --------------------------------------------------------------------------------------------

    @cached_property
    def members(self) -> Members:
        """Dated index membership."""
        return Members(self.rows("members"))

    @cached_property
    def statements(self) -> Statements:
        """Fundamentals by session (see `market.statements`)."""
        from market.statements import Statements

        return Statements.build(self.rows("facts"), self.tickers, self.sessions)

    @cached_property
    def items(self) -> frozenset[str]:
        """Names of the items that the facts hold."""
        if not self.has("facts"):
            return frozenset()
        if self._parent is None and self._store is not None and "facts" not in {*self._planted, *self._frames}:
            return frozenset(self._store.query("SELECT DISTINCT item FROM facts", ("facts",))["item"].to_pylist())
        return frozenset(map(str, self.rows("facts")["item"].unique()))

    @cached_property
    def market_caps(self) -> MarketCaps | None:
        """Dated market capitalisations, where there is such a table."""
        from market.capitalisation import MarketCaps

        if not self.has("market_cap"):
            return None
        return MarketCaps.from_table(self.rows("market_cap"), self._panel)

    @cached_property
    def borrow(self) -> Borrow | None:
        """Dated borrow fees, where there is such a table."""
        from market.borrow import Borrow

        return Borrow.from_table(self.rows("borrow"), self.sessions, self.tickers) if self.has("borrow") else None

    @cached_property
    def close_counts(self) -> np.ndarray:
        """Number of closes known up to each session; shape (T, N)."""
        return np.cumsum(~np.isnan(self._panel.close), axis=0, dtype=np.int32)


def _day(day: pd.Timestamp | str) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(day)
    except ValueError as error:
        raise DataError(f"{day!r} is not a date; write it as 2024-01-31") from error
    if pd.isna(stamp):
        raise DataError(f"{day!r} is not a date; write it as 2024-01-31")
    return stamp.tz_localize(None).normalize() if stamp.tz is not None else stamp.normalize()
