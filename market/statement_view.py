"""Company fundamentals at one session: values, the periods they are of, flags, and the filings behind them."""

from __future__ import annotations

import datetime
import difflib
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.errors import DataError
from market.facts import ITEMS, NO_DATE, FactSource, FloatArray, IntArray, flag_names, kind_of
from market.histories import BASES, Basis, History, default_basis

if TYPE_CHECKING:
    from market.statements import Statements

_Array = TypeVar("_Array", bound=np.ndarray)


class StatementView:
    """What was known at one session. `session` is the session; arrays align with `tickers`, shape (N,)."""

    def __init__(self, statements: Statements, position: int) -> None:
        self._all = statements
        self._day = int(statements.session_days[position])
        self.session = statements.sessions[position]
        self.tickers = statements.tickers
        self._cache: dict[tuple[str, Basis, int], tuple[History, IntArray] | None] = {}

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
            good = (event >= 0) & (history.begin[event] != NO_DATE)
            result[good] = history.end[event[good]].astype("datetime64[D]")
        return _frozen(result.astype("datetime64[ns]"))

    def counted_on(self, name: str, basis: Basis | None = None, lag: int = 0) -> NDArray[np.datetime64]:
        """Day whose split basis each share count is on: filings restate counts for splits up to the day they are filed.

        That day is the one on which a count was first filed, else the end of its period; NaT where it is unknown.
        """
        result = self.period_end(name, basis, lag).copy()
        found = self._find(name, basis, lag)
        if found is not None:
            history, event = found
            filed = (event >= 0) & (history.begin[event] != NO_DATE) & (history.filed[event] != NO_DATE)
            result[filed] = history.filed[event[filed]].astype("datetime64[D]")
        return _frozen(result)

    def flags(self, name: str, basis: Basis | None = None, lag: int = 0) -> IntArray:
        """Bits of `market.facts.Flag` for each value; 0 where unknown."""
        found = self._find(name, basis, lag)
        if found is None:
            return _frozen(np.zeros(len(self.tickers), dtype=np.int64))
        history, event = found
        return _frozen(np.where((event >= 0) & (history.begin[event] != NO_DATE), history.flags[event], 0))

    def source(self, ticker: str, name: str, basis: Basis | None = None, lag: int = 0) -> FactSource | None:
        """The filing of the newest fact inside a value; None where the value is unknown."""
        if ticker not in self.tickers:
            raise DataError(f"unknown ticker {ticker!r}{_hint(ticker, [str(t) for t in self.tickers])}")
        found = self._find(name, basis, lag)
        if found is None:
            return None
        history, event = found
        at = event[self.tickers.get_loc(ticker)]
        if at < 0 or history.begin[at] == NO_DATE:
            return None
        period = int(history.begin[at]), int(history.end[at])
        record, known = self._all.newest(ticker, name, period, self._day)
        return FactSource(
            form=_text(record.get("form")),
            accession=_text(record.get("accession")),
            filed=_stamp(record.get("filed")),
            period_end=pd.Timestamp(np.datetime64(period[1], "D")),
            known_at=pd.Timestamp(np.datetime64(known, "D")),
            flags=flag_names(int(history.flags[at])),
        )

    def _find(self, name: str, basis: Basis | None, lag: int) -> tuple[History, IntArray] | None:
        basis = basis or default_basis(name)
        key = (name, basis, lag)
        if key not in self._cache:
            self._check(name, basis, lag)
            history = self._all.history(name, basis, lag)
            if history is None:
                self._cache[key] = None
            else:
                event = self._all.reached(history, self._day)
                age = self._day - history.newest[event]
                self._cache[key] = history, np.where(age <= history.max_age[event], event, -1)
        return self._cache[key]

    def _check(self, name: str, basis: str, lag: int) -> None:
        kind = kind_of(name)
        if kind is None and not self._all.has(name):
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


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _stamp(value: object) -> pd.Timestamp:
    return pd.Timestamp(value if isinstance(value, datetime.date) else "NaT")


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {close[0]!r}?" if close else ""
