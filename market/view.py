"""The market as it was known at the close of one session.

1. A view holds a session and nothing later: every answer is a slice of arrays that ends at that session, or a table
   cut at it.
2. All vectors have shape (N,) and align with `tickers`; matrices have shape (n_sessions, N), oldest first, and are
   padded with NaN where the data begin later.
3. NaN (and '' in texts) is unknown, never zero. Arrays are read-only and kept, so that asking twice costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market import borrow, capitalisation
from market.cut import cut_table
from market.errors import DataError
from market.rates import factor_by_session

if TYPE_CHECKING:
    from market.facts import FactSource
    from market.market import Market
    from market.statement_view import StatementView

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]
Dates = NDArray[np.datetime64]
Basis = Literal["ttm", "latest", "quarter", "year"]
_A = TypeVar("_A", bound=np.generic)

SHORT_INTEREST_FIELDS = ("shares_short", "float_shares", "short_percent_of_float")
SHORT_INTEREST_MAX_AGE_DAYS = 60  # published twice a month
TEXT_FIELDS = ("words", "adoption_hits", "infrastructure_hits", "adoption_density", "infrastructure_density")
TEXT_MAX_AGE_DAYS = 457  # fifteen months: an annual report and its grace
WORDS_PER_DENSITY = 10_000


class View:
    """What was known at one session's close."""

    def __init__(self, market: Market, session: pd.Timestamp) -> None:
        self.market = market
        self.session = session
        self.tickers = market.tickers
        self._panel = market.panel()
        self._row = self._panel.row(session)
        self._kept: dict[tuple[object, ...], np.ndarray] = {}
        self._tables: dict[str, pd.DataFrame] = {}

    def __repr__(self) -> str:
        return f"<View of {self.market.name} at {self.session.date()}>"

    def _keep(self, key: tuple[object, ...], make: Callable[[], NDArray[_A]]) -> NDArray[_A]:
        if key not in self._kept:
            array = np.ascontiguousarray(make())
            array.flags.writeable = False
            self._kept[key] = array
        return self._kept[key]

    def _rows(self, table: str) -> pd.DataFrame:
        """A table as known at this session."""
        if table not in self._tables:
            self._tables[table] = cut_table(table, self.market.rows(table), self.session, self.market.sessions)
        return self._tables[table]

    def _vector(self, tickers: pd.Series, values: NDArray[np.float64]) -> Array:
        """Values by ticker as a vector; of several for one ticker the last."""
        result = np.full(len(self.tickers), np.nan)
        column = self.tickers.get_indexer(pd.Index(tickers))
        result[column[column >= 0]] = values[column >= 0]
        return result

    # --- prices -----------------------------------------------------------------------------------------------------

    def close(self) -> Array:
        """Closes of this session as traded; NaN where a name did not trade."""
        return self._keep(("close",), lambda: self._panel.close[self._row])

    def history_sessions(self) -> NDArray[np.int32]:
        """Number of closes known so far."""
        return self._keep(("history",), lambda: self.market.close_counts[self._row])

    def returns(self, n_sessions: int) -> Array:
        """Simple total returns of the last `n_sessions` sessions, this one included; shape (n_sessions, N)."""
        return self._window("returns", n_sessions, self._panel.total_returns())

    def closes(self, n_sessions: int) -> Array:
        """Closes on one split basis (that of the first session of the data); shape (n_sessions, N)."""
        return self._window("closes", n_sessions, self._panel.carried_close())

    def series(self, ticker: str, n_sessions: int) -> Array:
        """Total returns of one ticker, shape (n_sessions,); raises `DataError` where it is unknown."""
        if ticker not in self.tickers:
            raise DataError(f"no prices of {ticker!r} in {self.market.name}{self.market.hint(ticker)}")
        column = self._panel.column(ticker)
        return self._window(f"series {ticker}", n_sessions, self._panel.total_returns()[:, column])

    def dollar_volume(self, n_sessions: int = 63) -> Array:
        """Median of close times volume over the last `n_sessions` sessions, USD; NaN with fewer than half known."""

        def medians() -> Array:
            rows = slice(max(self._row + 1 - n_sessions, 0), self._row + 1)
            traded = np.sort((self._panel.close[rows] * self._panel.volume[rows]).T, axis=1)  # NaN last
            known = traded.shape[1] - np.isnan(traded).sum(axis=1)
            name, middle = np.arange(len(known)), np.maximum(known, 1)
            median = (traded[name, (middle - 1) // 2] + traded[name, middle // 2]) / 2.0
            return np.where(2 * known >= n_sessions, median, np.nan)

        return self._keep(("dollar_volume", n_sessions), medians)

    def _window(self, name: str, n_sessions: int, whole: Array) -> Array:
        if n_sessions < 1:
            raise DataError(f"a window of {n_sessions} sessions: needs at least 1")

        def cut() -> Array:
            known = whole[max(self._row + 1 - n_sessions, 0) : self._row + 1]
            missing = n_sessions - len(known)
            return np.concatenate([np.full((missing, *known.shape[1:]), np.nan), known]) if missing else known

        return self._keep((name, n_sessions), cut)

    # --- size -------------------------------------------------------------------------------------------------------

    def market_cap(self) -> Array:
        """Market capitalisation in USD (see `market.capitalisation`)."""
        self._capitalise()
        return self._kept["market_cap",]

    def market_cap_source(self) -> Texts:
        """Where each market capitalisation comes from; '' where unknown."""
        self._capitalise()
        return self._kept["market_cap_source",]

    def _capitalise(self) -> None:
        if ("market_cap",) in self._kept:
            return
        caps = self.market.market_caps
        value = np.full(len(self.tickers), np.nan)
        source = np.full(len(self.tickers), "", dtype=object)
        if caps is not None:
            value, source = caps.at(self._row, self._panel)
        if np.isnan(value).any() and "shares_outstanding" in self.market.items:
            shares = self.item("shares_outstanding", "latest")
            counted = self._statements.counted_on("shares_outstanding", "latest")
            made = capitalisation.from_shares(shares, counted, self._row, self._panel)
            filled = np.isnan(value) & ~np.isnan(made)
            value[filled], source[filled] = made[filled], capitalisation.FROM_FACTS
        self._keep(("market_cap",), lambda: value)
        self._keep(("market_cap_source",), lambda: source)

    # --- fundamentals -----------------------------------------------------------------------------------------------

    def item(self, name: str, basis: Basis | None = None, lag: int = 0) -> Array:
        """A statement item as known, USD; `basis` defaults to `ttm` for flows and `latest` for balances.

        `lag` counts quarters (`ttm`, `latest`, `quarter`) or fiscal years (`year`). See `market.statements`.
        """
        return self._keep(("item", name, basis, lag), lambda: self._statements.item(name, basis, lag))

    def item_period_end(self, name: str, basis: Basis | None = None, lag: int = 0) -> Dates:
        """Day on which the period of each value ended; NaT where unknown."""
        return self._keep(("period_end", name, basis, lag), lambda: self._statements.period_end(name, basis, lag))

    def source(self, ticker: str, item: str, basis: Basis | None = None, lag: int = 0) -> FactSource | None:
        """The filing that a value comes from; None where the value is unknown."""
        return self._statements.source(ticker, item, basis, lag)

    @cached_property
    def _statements(self) -> StatementView:
        return self.market.statements.at(self.session)

    # --- what a name is ---------------------------------------------------------------------------------------------

    def sector(self) -> Texts:
        """GICS sector; '' unknown."""
        return self._column("sector")

    def industry(self) -> Texts:
        """GICS sub-industry; '' unknown."""
        return self._column("industry")

    def issuer(self) -> Texts:
        """Key of the company behind each name: share lines of one company have one key."""
        return self._column("issuer")

    def is_stock(self) -> Flags:
        """Whether a name is a share, not a fund or an index."""
        return self._keep(("is_stock",), lambda: (self.market.securities["type"] == "stock").to_numpy(dtype=bool))

    def is_member(self, index: str) -> Flags:
        """Whether a name was a member of an index on this day; raises `DataError` for an unknown index."""
        return self._keep(("member", index), lambda: self.market.members.mask(index, self.session, self.tickers))

    def tagged(self, tag: str) -> Flags:
        """Whether a name carried a tag on this day."""
        if not self.market.has("tags"):
            return self._keep(("tag", tag), lambda: np.zeros(len(self.tickers), dtype=bool))
        rows = self._rows("tags")
        live = rows["tag"] == tag
        if "valid_to" in rows:
            live &= rows["valid_to"].isna() | (rows["valid_to"] >= self.session)
        return self._keep(("tag", tag), lambda: np.asarray(self.tickers.isin(rows.loc[live, "ticker"]), dtype=bool))

    def _column(self, name: str) -> Texts:
        return self._keep((name,), lambda: self.market.securities[name].to_numpy(dtype=object, na_value=""))

    # --- frictions --------------------------------------------------------------------------------------------------

    def borrow_fee(self) -> Array:
        """Borrow fee, decimal a year: a dated one at most 20 sessions old, else the tier of the name."""

        def fee() -> Array:
            dated = self._borrow()[0]
            tier = borrow.tier_fee(
                self.market_cap(), self.short_interest("short_percent_of_float") / 100.0, self.close()
            )
            return np.where(np.isnan(dated), tier, dated)

        return self._keep(("borrow_fee",), fee)

    def borrow_known(self) -> Flags:
        """Whether the borrow fee is a dated one."""
        return self._keep(("borrow_known",), lambda: ~np.isnan(self._borrow()[0]))

    def borrow_available(self) -> Array:
        """Shares available to borrow; NaN unknown."""
        return self._keep(("borrow_available",), lambda: self._borrow()[1])

    def _borrow(self) -> tuple[Array, Array]:
        table = self.market.borrow
        if table is None:
            nothing = np.full(len(self.tickers), np.nan)
            return nothing, nothing
        return table.known(self._row, len(self.tickers))

    def short_interest(self, field: str = "short_percent_of_float") -> Array:
        """Short interest as last published, at most 60 days ago; `short_percent_of_float` is in percent."""
        if field not in SHORT_INTEREST_FIELDS:
            raise DataError(f"short interest has no {field!r}; known: {', '.join(SHORT_INTEREST_FIELDS)}")

        def latest() -> Array:
            if not self.market.has("short_interest"):
                return np.full(len(self.tickers), np.nan)
            rows = self._rows("short_interest")
            fresh = rows["published_date"] >= self.session - pd.Timedelta(days=SHORT_INTEREST_MAX_AGE_DAYS)
            rows = rows[fresh].reindex(columns=["ticker", "settlement_date", *SHORT_INTEREST_FIELDS])
            rows = rows.sort_values("settlement_date", kind="stable")
            made = 100.0 * rows["shares_short"] / rows["float_shares"]
            rows["short_percent_of_float"] = rows["short_percent_of_float"].fillna(made)
            return self._vector(rows["ticker"], rows[field].to_numpy(dtype=np.float64))

        return self._keep(("short_interest", field), latest)

    # --- rates, factors, announcements, texts -----------------------------------------------------------------------

    def rate(self, name: str = "fed_funds") -> float:
        """A rate as last published before this session, decimal a year; NaN where unknown."""
        return float(self.rate_history(name, 1)[-1])

    def rate_history(self, name: str, n_sessions: int) -> Array:
        """A rate as published before each of the last `n_sessions` sessions, shape (n_sessions,)."""
        whole = self.market.rate_table.by_session(name, self._known_sessions(), published=True)
        return self._window(f"rate {name}", n_sessions, whole.to_numpy())

    def factor(self, name: str, n_sessions: int) -> Array:
        """A factor's returns over the last `n_sessions` sessions, shape (n_sessions,); NaN where it has none."""
        whole = factor_by_session(self._rows("factors"), name, self._known_sessions())
        return self._window(f"factor {name}", n_sessions, whole)

    def _known_sessions(self) -> pd.DatetimeIndex:
        return self.market.sessions[: self._row + 1]

    def earnings(self) -> pd.DataFrame:
        """Announcements known at this close: those of earlier days, and of this one where made before the open."""
        return self._rows("earnings").copy()

    def text(self, field: str, sections: tuple[str, ...] | None = None) -> Array:
        """Counts of the last annual report's text; densities are per 10,000 words.

        Over all its sections, or over some: `("1", "7")` takes Items 1 and 7, however the table writes them.
        """
        if field not in TEXT_FIELDS:
            raise DataError(f"filing texts have no {field!r}; known: {', '.join(TEXT_FIELDS)}")

        def latest() -> Array:
            if not self.market.has("filing_text"):
                return np.full(len(self.tickers), np.nan)
            rows = self._rows("filing_text")
            rows = rows[rows["filed"] >= self.session - pd.Timedelta(days=TEXT_MAX_AGE_DAYS)]
            rows = rows[rows["filed"] == rows.groupby("ticker")["filed"].transform("max")]
            if sections is not None:
                item = rows["section"].str.lower().str.replace(r"item|[\s._-]", "", regex=True)
                rows = rows[item.isin(sections)]
            sums = rows.groupby("ticker")[list(TEXT_FIELDS[:3])].sum()
            for kind in ("adoption", "infrastructure"):
                sums[f"{kind}_density"] = (
                    WORDS_PER_DENSITY * sums[f"{kind}_hits"] / sums["words"].where(sums["words"] > 0)
                )
            return self._vector(sums.index.to_series(), sums[field].to_numpy(dtype=np.float64))

        return self._keep(("text", field, sections), latest)
