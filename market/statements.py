"""Company fundamentals as known at a session, aligned with the tickers.

1. `Statements.build` sorts the facts once by (item, ticker, known session, accession).
2. The first question about (item, basis, lag) turns the item's versions into a piecewise constant history per company:
   which figure held from which session on (`market.quarters`; `market.facts.completed` fills two items from parts).
3. `Statements.at(session)` answers by binary search: nothing is recomputed, and nothing known later is seen.
4. Freshness at the session: a balance-sheet item or a single quarter whose newest period ended more than 200 days ago
   is unknown; a trailing or fiscal year lasts 15 months. So does a balance that the company gives once a year (its last
   two stand a year apart), as many do with debt: at 200 days it would be known from February to July, unknown from
   August to January, and a screen would rank by the calendar.
5. `lag` counts quarters for `ttm`, `latest` and `quarter`, fiscal years for `year`; freshness is that of lag 0.

Values are float64 in USD (shares for share counts), shape (N,), NaN where unknown. The arrays are read-only.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.errors import DataError
from market.facts import (
    FLOW_MAX_AGE_DAYS,
    ITEMS,
    MAX_LIABILITIES_TO_ASSETS,
    NO_DATE,
    RESTATED_TOLERANCE,
    STALE_DAYS,
    FactSource,
    Flag,
    FloatArray,
    IntArray,
    Versions,
    completed,
    days,
    flag_bits,
    flag_names,
    kind_of,
    known_index,
)

Basis = Literal["ttm", "latest", "quarter", "year"]
_Array = TypeVar("_Array", bound=np.ndarray)
BASES: tuple[Basis, ...] = ("latest", "quarter", "ttm", "year")  # in the order of the codes of `market.quarters`
MAX_AGE_DAYS = {"latest": STALE_DAYS, "quarter": STALE_DAYS, "ttm": FLOW_MAX_AGE_DAYS, "year": FLOW_MAX_AGE_DAYS}
YEAR_DAYS = (350, 380)  # between two fiscal year ends, 52 and 53 weeks included
_PARTS = {
    "gross_profit": (("revenue", 1.0, True), ("cost_of_revenue", -1.0, True)),
    "liabilities": (("assets", 1.0, True), ("equity", -1.0, True), ("minority_interest", -1.0, False)),
}


class Rows(NamedTuple):
    """One item as arrays by period (sorted by ticker, end, longest first) and by row (ticker, known, accession)."""

    start: IntArray  # by period, days
    end: IntArray
    current: IntArray  # by period: row of the version in force, -1 = none yet
    value: FloatArray  # by row
    flags: IntArray
    order: IntArray  # rank of the accession, -1 = none
    known: IntArray  # position in the sessions
    previous: IntArray  # row of the previous version of the same period, -1 = first


@dataclass(frozen=True)
class _History:
    """Events of one (item, basis, lag), by ticker and known session."""

    key: IntArray  # ticker << 32 | known session, ascending
    newest: IntArray
    end: IntArray
    row: IntArray
    flags: IntArray
    value: FloatArray
    max_age: IntArray  # days that the figure lasts after `newest`


@dataclass(frozen=True)
class _Item:
    """One item made ready for the compiled loops."""

    data: Rows
    period: IntArray
    rows: IntArray
    periods: IntArray
    source: IntArray  # row of the facts table


class Statements:
    """Every figure of every company, from the session on which it became known. Read through `at(session)`."""

    def __init__(
        self, facts: pd.DataFrame, tickers: pd.Index, sessions: pd.DatetimeIndex, versions: dict[str, Versions]
    ) -> None:
        self.tickers = tickers
        self.sessions = sessions
        self._facts = facts
        self._session_days = days(sessions)
        self._versions = versions
        self._items: dict[str, _Item | None] = {}
        self._histories: dict[tuple[str, str, int], _History | None] = {}

    @classmethod
    def build(cls, facts: pd.DataFrame, tickers: pd.Index, sessions: pd.DatetimeIndex) -> Statements:
        """Sort a facts table (interface.md) for the companies `tickers` and the sessions `sessions`.

        Rows of other tickers, without a value, with a period that ends before it starts, and flows without a
        `period_start` are left out.
        """
        item_code, items = pd.factorize(facts["item"])
        name_code, names = pd.factorize(facts["ticker"])
        ticker = tickers.get_indexer(pd.Index(names))[name_code] if len(names) else name_code
        known, assumed = known_index(facts, sessions)
        end = days(pd.to_datetime(facts["period_end"]))
        start = days(pd.to_datetime(facts["period_start"])) if "period_start" in facts else np.full(len(end), NO_DATE)
        value = facts["value"].to_numpy(dtype=np.float64)
        flow = np.array([kind_of(str(item)) in ("flow", "average") for item in items], dtype=bool)[item_code]
        keep = (ticker >= 0) & (known < len(sessions)) & np.isfinite(value) & (end != NO_DATE)
        keep &= np.where(start == NO_DATE, ~flow, (start <= end))
        start = np.where((start == NO_DATE) | ~flow, end, start)
        flags = np.where(assumed, int(Flag.ASSUMED_LAG), 0)
        if "flags" in facts:
            code, words = pd.factorize(facts["flags"].astype("str").fillna(""))
            flags |= np.array([flag_bits(str(word)) for word in words] or [0], dtype=np.int64)[code]
        rows = np.flatnonzero(keep)
        order = _order(facts, rows)
        table = Versions(ticker, start, end, value, known, order, np.arange(len(end)), flags).take(rows)
        code = item_code[rows]
        by = np.lexsort((table.value, table.order, table.known, table.ticker, code))
        table, code = table.take(by), code[by]
        bounds = np.searchsorted(code, np.arange(len(items) + 1))
        versions = {
            str(item): table.take(slice(bounds[i], bounds[i + 1]))  # views, no copies
            for i, item in enumerate(items)
        }
        return cls(facts, tickers, sessions, versions)

    def at(self, session: pd.Timestamp | str) -> StatementView:
        """The fundamentals as known at the close of a session (a non-session counts as the session before it)."""
        position = int(self.sessions.searchsorted(pd.Timestamp(session).normalize(), side="right")) - 1
        if position < 0:
            raise DataError(f"no session on or before {pd.Timestamp(session):%Y-%m-%d}: fundamentals start later")
        return StatementView(self, position)

    def _item(self, name: str) -> _Item | None:
        if name not in self._items:
            versions = self._versions.get(name)
            if name in _PARTS:
                parts = [(self._versions.get(part, _EMPTY), sign, need) for part, sign, need in _PARTS[name]]
                ceiling = MAX_LIABILITIES_TO_ASSETS if name == "liabilities" else np.inf
                versions = completed(versions or _EMPTY, parts, ceiling)
            has_rows = versions is not None and len(versions.value) > 0
            self._items[name] = _prepare(versions, len(self.tickers)) if versions is not None and has_rows else None
        return self._items[name]

    def _history(self, name: str, basis: Basis, lag: int) -> _History | None:
        key = (name, basis, lag)
        if key not in self._histories:
            item = self._item(name)
            if item is None:
                self._histories[key] = None
            else:
                from market import quarters  # compiled code: loaded when first asked for

                lag_days = round(lag * (365.25 if basis == "year" else 91.3125))
                item.data.current[:] = -1
                offsets, out, value = quarters.history(
                    item.data, item.period, item.rows, item.periods, self._session_days, BASES.index(basis), lag_days
                )
                ticker = np.repeat(np.arange(len(self.tickers)), np.diff(offsets))
                lasts = _max_age(basis, ticker, out[1])
                self._histories[key] = _History((ticker << 32) | out[0], out[1], out[2], out[3], out[4], value, lasts)
        return self._histories[key]


class StatementView:
    """What was known at one session. `session` is the session; arrays align with `tickers`, shape (N,)."""

    def __init__(self, statements: Statements, position: int) -> None:
        self._all = statements
        self._position = position
        self.session = statements.sessions[position]
        self.tickers = statements.tickers
        self._cache: dict[tuple[str, str, int], tuple[_History, IntArray] | None] = {}

    def item(self, name: str, basis: Basis | None = None, lag: int = 0) -> FloatArray:
        """Values of an item; without a basis `ttm` for flows and `latest` for the rest.

        Raises ``DataError`` for an unknown item and ``ValueError`` for a basis that the item's kind does not have.
        """
        found = self._find(name, basis, lag)
        if found is None:
            return _frozen(np.full(len(self.tickers), np.nan))
        history, event = found
        return _frozen(np.where(event >= 0, history.value[event], np.nan))

    def period_end(self, name: str, basis: Basis | None = None, lag: int = 0) -> NDArray[np.datetime64]:
        """Day on which the period of each value ended; NaT where the value is unknown."""
        result = np.full(len(self.tickers), np.datetime64("NaT"), dtype="datetime64[D]")
        found = self._find(name, basis, lag)
        if found is not None:
            history, event = found
            good = (event >= 0) & (history.row[event] >= 0)
            result[good] = history.end[event[good]].astype("datetime64[D]")
        return _frozen(result.astype("datetime64[ns]"))

    def flags(self, name: str, basis: Basis | None = None, lag: int = 0) -> IntArray:
        """Bits of `market.facts.Flag` for each value; 0 where unknown."""
        found = self._find(name, basis, lag)
        if found is None:
            return _frozen(np.zeros(len(self.tickers), dtype=np.int64))
        history, event = found
        return _frozen(np.where((event >= 0) & (history.row[event] >= 0), history.flags[event], 0))

    def source(self, ticker: str, name: str, basis: Basis | None = None, lag: int = 0) -> FactSource | None:
        """The filing of the newest fact inside a value; None where the value is unknown."""
        if ticker not in self.tickers:
            raise DataError(f"unknown ticker {ticker!r}{_hint(ticker, [str(t) for t in self.tickers])}")
        found = self._find(name, basis, lag)
        if found is None:
            return None
        history, event = found
        at = event[self.tickers.get_loc(ticker)]
        item = self._all._item(name)
        if at < 0 or history.row[at] < 0 or item is None:
            return None
        row = history.row[at]
        record = self._all._facts.iloc[int(item.source[row])]
        return FactSource(
            form=_text(record.get("form")),
            accession=_text(record.get("accession")),
            filed=pd.Timestamp(record.get("filed", pd.NaT)),
            period_end=pd.Timestamp(np.datetime64(int(history.end[at]), "D")),
            known_at=self._all.sessions[int(item.data.known[row])],
            flags=flag_names(int(history.flags[at])),
        )

    def _find(self, name: str, basis: Basis | None, lag: int) -> tuple[_History, IntArray] | None:
        basis = basis or default_basis(name)
        key = (name, basis, lag)
        if key not in self._cache:
            self._check(name, basis, lag)
            history = self._all._history(name, basis, lag)
            if history is None or not len(history.key):
                self._cache[key] = None
            else:
                ticker = np.arange(len(self.tickers))
                event = np.searchsorted(history.key, (ticker << 32) | self._position, side="right") - 1
                event = np.where((event >= 0) & (history.key[event] >> 32 == ticker), event, -1)
                age = self._all._session_days[self._position] - history.newest[event]
                self._cache[key] = history, np.where(age <= history.max_age[event], event, -1)
        return self._cache[key]

    def _check(self, name: str, basis: str, lag: int) -> None:
        kind = kind_of(name)
        if kind is None and name not in self._all._versions:
            raise DataError(f"unknown item {name!r}{_hint(name, list(ITEMS))}")
        if basis not in BASES:
            raise ValueError(f"basis {basis!r}: expected one of {', '.join(BASES)}")
        if lag < 0:
            raise ValueError(f"lag {lag}: expected 0 or more periods")
        if kind == "flow" and basis == "latest":
            raise ValueError(f"{name} is a flow: ask for its 'ttm', 'quarter' or 'year'")
        if kind in ("instant", None) and basis != "latest":
            raise ValueError(f"{name} is a balance-sheet item: ask for its 'latest'")
        if kind == "average" and basis == "ttm":
            raise ValueError(f"{name} is an average: ask for its 'latest', 'quarter' or 'year'")


def _max_age(basis: Basis, ticker: IntArray, newest: IntArray) -> IntArray:
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


def _order(facts: pd.DataFrame, rows: IntArray) -> IntArray:
    """Rank of each row's accession, -1 without one: ties between versions go to the highest."""
    result = np.full(len(facts), -1, dtype=np.int64)
    if "accession" in facts:
        code, names = pd.factorize(facts["accession"])
        rank = np.argsort(np.argsort(np.asarray(names, dtype=object).astype(str), kind="stable"), kind="stable")
        result[code >= 0] = rank[code[code >= 0]]
        if len(names) and "" in names:
            result[code == list(names).index("")] = -1
    return result


def _prepare(versions: Versions, n_tickers: int) -> _Item:
    """Number the periods, chain their versions and mark restatements."""
    n = len(versions.value)
    by = np.lexsort((versions.start, versions.end, versions.ticker))  # longest period first within one end
    key = versions.period_key()[by]
    new = np.r_[True, key[1:] != key[:-1]]
    period = np.empty(n, dtype=np.int64)
    period[by] = np.cumsum(new) - 1
    head = by[new]
    # lexsort is stable, so versions of a period stay in their order: the row before is the previous version
    previous = np.full(n, -1, dtype=np.int64)
    previous[by[1:]] = np.where(new[1:], -1, by[:-1])
    original = versions.value[head[period]]
    with np.errstate(invalid="ignore"):
        restated = np.abs(versions.value - original) > RESTATED_TOLERANCE * np.abs(original)
    tickers = np.arange(n_tickers + 1)
    data = Rows(
        start=versions.start[head],
        end=versions.end[head],
        current=np.full(len(head), -1, dtype=np.int64),
        value=np.ascontiguousarray(versions.value),
        flags=versions.flags | np.where(restated, int(Flag.RESTATED), 0),
        order=np.ascontiguousarray(versions.order),
        known=np.ascontiguousarray(versions.known),
        previous=previous,
    )
    return _Item(
        data=data,
        period=period,
        rows=np.searchsorted(versions.ticker, tickers),
        periods=np.searchsorted(versions.ticker[head], tickers),
        source=versions.row,
    )


_NONE = np.empty(0, dtype=np.int64)
_EMPTY = Versions(_NONE, _NONE, _NONE, np.empty(0, dtype=np.float64), _NONE, _NONE, _NONE, _NONE)


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {close[0]!r}?" if close else ""
