"""The market a run works on: a store, or planted tables, seen whole or cut at a session.

1. `open_market` finds the store; nothing is read before it is asked for.
2. Prices are loaded once into arrays (`market.panel`); the sessions are those of the exchange from the first price to
   the last, and the tickers are all names with prices, sorted.
3. `as_of(session)` gives the one way to look at a date: a `View`, which never sees past that session's close.
4. `cut(session)` gives the same market with everything later removed; a result up to that session must not change by
   one bit when it is computed on the cut market. Tickers stay (labels carry no values), so that all shapes stay.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market import calendar, securities, session_lookup
from market.contents import Contents
from market.errors import DataError
from market.manifest import Manifest
from market.members import Members
from market.panel import PricePanel
from market.rates import Rates
from market.session_lookup import as_day
from market.spelling import exchange_spelling
from market.store import MANIFEST, Store, schema_of

if TYPE_CHECKING:
    from market.borrow import Borrow
    from market.capitalisation import MarketCaps
    from market.statements import Statements
    from market.view import View

SAMPLE = Path(__file__).parent / "sample"
VIEWS_KEPT = 64  # views share the market's arrays; only what they computed themselves is kept


def open_market(where: str | Path = "sample") -> Market:
    """The market in a store: `sample` (what the package ships), a directory, or a read-only URI (`s3://...`).

    A directory without a manifest is read as your own tables (`prices.csv`, `facts.parquet`, ...), without being
    changed. Raises `DataError` where there is nothing to open.
    """
    if str(where) == "sample":
        return Market(Contents("sample", Store(SAMPLE)), SAMPLE)
    if "://" not in str(where):
        path = Path(where).expanduser()
        if path.is_dir() and not (path / MANIFEST).exists():
            from market.sources.files import read_directory

            frames, notes, refused = read_directory(path)
            return Market(Contents(path.name, None, frames, refused), path, notes)
    store = Store(where)
    return Market(Contents(Path(store.location).name, store), store.root)


def planted(name: str = "planted", **tables: pd.DataFrame) -> Market:
    """A market of nothing but the given tables; raises `DataError` where a row breaks a check."""
    return Market(Contents(name)).with_tables(**tables)


class Market:
    """Prices, facts, members, rates and the rest, for all sessions or, when cut, up to one."""

    def __init__(self, contents: Contents, root: Path | None = None, notes: Sequence[str] = ()) -> None:
        self.contents = contents
        self.name = contents.label
        self.root = root
        self.extra_notes = list(notes)
        self._views: dict[pd.Timestamp, View] = {}

    def __repr__(self) -> str:
        if not self.has("prices"):
            return f"<Market {self.name}: no prices>"
        return f"<Market {self.name}: {len(self.tickers)} tickers, {self.start.date()} to {self.end.date()}>"

    @property
    def fingerprint(self) -> str:
        """Hash of the content of all tables (and of the session it is cut at)."""
        return self.contents.fingerprint

    @property
    def manifest(self) -> Manifest:
        """Rows, span, fingerprint and source of each table."""
        return self.contents.manifest

    def has(self, name: str) -> bool:
        """Whether there is a table of that name, with rows."""
        return self.contents.has(name)

    def table(self, name: str) -> pd.DataFrame:
        """A copy of one table, in canonical types; raises `DataError` where there is none."""
        return self.contents.rows(name).copy()

    def rows(self, name: str) -> pd.DataFrame:
        """As `table`, without the copy: do not change it."""
        return self.contents.rows(name)

    def rows_of(self, name: str, ticker: str) -> pd.DataFrame:
        """The rows of one ticker in a table; of a store that was not read yet, those rows only."""
        return self.contents.rows_of(name, ticker)

    # --- sessions and names -----------------------------------------------------------------------------------------

    @cached_property
    def _panel(self) -> PricePanel:
        import pyarrow.compute as pc

        rows = self.contents.prices()
        span = pc.min_max(rows["date"]).as_py()
        sessions = calendar.sessions_between(span["min"], span["max"])
        if not len(sessions):
            raise DataError(f"{self.name}: no price lies on a session of the exchange")
        tickers = pd.Index(sorted(pc.unique(rows["ticker"]).to_pylist()), dtype="object", name="ticker")
        panel = PricePanel.from_rows(rows, sessions, tickers)
        return panel if not self.has("securities") else panel.within(*self._lives(tickers))

    def _lives(self, tickers: pd.Index) -> tuple[np.ndarray, np.ndarray]:
        """First and last day of each security, NaT where open; shape (N,)."""
        rows = self.rows("securities").set_index("ticker").reindex(tickers)
        open_ended = pd.Series(pd.NaT, index=tickers, dtype="datetime64[ns]")
        first, last = (rows.get(name, open_ended).to_numpy() for name in ("first_date", "last_date"))
        return first, last

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

    def session(self, day: pd.Timestamp | str | None = None) -> pd.Timestamp:
        """`day` as a session of this market; without one, the last.

        Raises `ConfigError` for a day on which the exchange is closed, `DataError` for one outside the data; both name
        a session that would do.
        """
        if day is None:
            return self.end
        return session_lookup.session_on(self.sessions, day)

    def session_on_or_before(self, day: pd.Timestamp | str) -> pd.Timestamp:
        """The last session of this market not after a day; raises `DataError` where there is none."""
        return session_lookup.session_on_or_before(self.sessions, day)

    def session_on_or_after(self, day: pd.Timestamp | str) -> pd.Timestamp:
        """The first session of this market not before a day; raises `DataError` where there is none."""
        return session_lookup.session_on_or_after(self.sessions, day)

    # --- what others read -------------------------------------------------------------------------------------------

    def as_of(self, session: pd.Timestamp | str) -> View:
        """The market as known at the close of a session; raises as `session` where the day is not one."""
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
        """Prices of some tickers (all) from `start` to `end`, both inclusive; raises `DataError` for unknown names."""
        for ticker in () if tickers is None else tickers:
            if ticker not in self.tickers:
                raise DataError(f"no prices of {ticker!r}{self.hint(str(ticker))}")
        if tickers is None and start is None and end is None:
            return self._panel
        index = None if tickers is None else pd.Index(list(tickers), dtype="object", name="ticker")
        return self._panel.select(index, None if start is None else as_day(start), None if end is None else as_day(end))

    def rates(self, name: str = "fed_funds") -> pd.Series:
        """A rate by session, decimal a year, the last value carried forward for ten days."""
        return self.rate_table.by_session(name, self.sessions)

    def resolve(self, symbol: str, day: pd.Timestamp | str | None = None) -> str:
        """The name under which this market keeps a symbol (of a day): `FB` in 2021 is `META`.

        Raises `DataError`, with a hint, where it has no prices of it.
        """
        from market.symbols import SymbolMap

        stamp = None if day is None else as_day(day)
        name = exchange_spelling(symbol)
        if self.has("symbols"):
            name = SymbolMap(self.rows("symbols")).ticker(name, stamp, self.tickers)
        if name not in self.tickers:
            raise DataError(f"no prices of {symbol!r}{self.hint(symbol)}")
        return name

    def members_on(self, index: str, session: pd.Timestamp | str) -> list[str]:
        """Tickers of an index's members on a day, with or without data; sorted."""
        return self.members.on(index, as_day(session))

    def coverage(self, index: str, session: pd.Timestamp | str) -> tuple[int, int]:
        """How many of that day's members have a close on it, and how many members there were."""
        held = self.members_on(index, session)
        row = self._panel.close[self._panel.row(self.session(session))]
        priced = self.tickers[~np.isnan(row)]
        return len(set(held) & set(priced)), len(held)

    def cut(self, session: pd.Timestamp | str) -> Market:
        """The same market with everything after a session's close removed."""
        stamp = self.session(session)
        other = Market(self.contents.cut(stamp, self.sessions), self.root, self.extra_notes)
        other.__dict__["_panel"] = self._panel.select(end=stamp)
        return other

    def with_tables(self, **tables: pd.DataFrame) -> Market:
        """This market with whole tables replaced (planted data); raises `DataError` where a row breaks a check."""
        from market.validation import canonical

        planted = {name: canonical(rows, schema_of(name)) for name, rows in tables.items()}
        other = Market(self.contents.with_tables(planted), self.root, self.extra_notes)
        if "_panel" in self.__dict__ and not {"prices", "securities"} & set(planted):
            other.__dict__["_panel"] = self._panel  # the same prices: no need to read them again
            if "statements" in self.__dict__ and "facts" not in planted:
                other.__dict__["statements"] = self.statements
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
    def rate_table(self) -> Rates:
        """Dated rates."""
        return Rates(self.rows("rates"))

    @cached_property
    def statements(self) -> Statements:
        """Fundamentals by session (see `market.statements`)."""
        from market.statements import Statements

        store = self.contents.facts_store()
        if store is None or self.root == SAMPLE:
            return Statements(self.contents.facts, self.tickers, self.sessions)
        from market.preparation import prepare

        def read_company(ticker: str) -> pd.DataFrame:
            return self.contents.rows_of("facts", ticker)

        return Statements(self.contents.facts, self.tickers, self.sessions, prepare(store), read_company)

    @cached_property
    def items(self) -> frozenset[str]:
        """Names of the items that the facts hold."""
        return self.contents.items()

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
