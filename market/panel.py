"""Prices as aligned arrays: sessions by tickers, as traded.

1. Rows of the `prices` table are scattered into float64 arrays of shape (T, N) by integer codes.
2. `close` is as traded and NaN where a name did not trade. Where a name begins with `adj_close` alone, that stands in
   for its close throughout and the ticker is listed in `total_return_only`.
3. `dividend` is 0 and `split` 1 where nothing happened; `volume` is NaN where unknown.
4. Total return of a session: one share held before becomes `split` shares, each worth `close` and receiving `dividend`:
   r = split * (close + dividend) / close_before - 1, with the last close before, at most five sessions old.
5. Carried closes multiply by split factors from the first row on and are never re-based from the end: the past of a
   panel does not change when sessions are added to it.

NaN is unknown, never zero; arrays are read-only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from market.errors import DataError

Array = NDArray[np.float64]

MAX_CLOSE_AGE = 5  # sessions: a halted name's last close stands in that long


@dataclass(frozen=True)
class PricePanel:
    """Prices of N tickers on T sessions. All arrays have shape (T, N)."""

    sessions: pd.DatetimeIndex
    tickers: pd.Index
    close: Array
    dividend: Array
    split: Array
    volume: Array
    total_return_only: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def from_rows(cls, rows: pa.Table, sessions: pd.DatetimeIndex, tickers: pd.Index) -> PricePanel:
        """Scatter rows of the `prices` table (Arrow) into arrays; rows of other days and tickers are left out."""
        day = rows["date"].cast(pa.int32()).to_numpy()
        ticker = rows["ticker"].combine_chunks().dictionary_encode()
        column = tickers.get_indexer(pd.Index(ticker.dictionary.to_pylist()))[ticker.indices.to_numpy()]
        grid = sessions.to_numpy().astype("datetime64[D]").astype(np.int32)
        row = np.searchsorted(grid, day)
        inside = (row < len(grid)) & (column >= 0)
        inside[inside] = grid[row[inside]] == day[inside]
        place = row[inside] * len(tickers) + column[inside]

        def spread(name: str, default: float) -> Array:
            values = np.full(len(grid) * len(tickers), default)
            given = rows[name].to_numpy()[inside]
            if default == default:  # an empty cell keeps the default
                filled = ~np.isnan(given)
                values[place[filled]] = given[filled]
            else:
                values[place] = given
            return values.reshape(len(grid), len(tickers))

        close, adjusted = spread("close", np.nan), spread("adj_close", np.nan)
        # Decided by a name's first row, so that no later row can change what the past looked like.
        first = np.argmax(~np.isnan(close) | ~np.isnan(adjusted), axis=0)
        alone = np.isnan(close[first, np.arange(len(tickers))]) & ~np.isnan(adjusted).all(axis=0)
        close[:, alone] = adjusted[:, alone]
        dividend, split = spread("dividend", 0.0), spread("split", 1.0)
        dividend[:, alone], split[:, alone] = 0.0, 1.0  # they are inside the total return already
        return cls(
            sessions,
            tickers,
            _frozen(close),
            _frozen(dividend),
            _frozen(split),
            _frozen(spread("volume", np.nan)),
            frozenset(map(str, tickers[np.flatnonzero(alone)])),
        )

    def within(self, first: NDArray[np.datetime64], last: NDArray[np.datetime64]) -> PricePanel:
        """Without the rows outside the life of each security, `[first, last]`, NaT open; shape (N,) each.

        A row before the first day belongs to another company that used the symbol.
        """
        days = self.sessions.to_numpy()[:, None]
        outside = (days < first[None, :]) | (days > last[None, :])  # NaT compares false
        if not (outside & ~np.isnan(self.close)).any():
            return self
        return replace(
            self,
            close=_frozen(np.where(outside, np.nan, self.close)),
            volume=_frozen(np.where(outside, np.nan, self.volume)),
            dividend=_frozen(np.where(outside, 0.0, self.dividend)),
            split=_frozen(np.where(outside, 1.0, self.split)),
        )

    def column(self, ticker: str) -> int:
        """Position of a ticker; raises `DataError` naming it where the panel has no such name."""
        try:
            return int(self.tickers.get_loc(ticker))  # type: ignore[arg-type]  # tickers are unique
        except KeyError:
            raise DataError(f"no prices of {ticker!r}") from None

    def row(self, session: pd.Timestamp) -> int:
        """Position of a session; raises `DataError` where the panel has no such session."""
        position = int(self.sessions.searchsorted(session))
        if position == len(self.sessions) or self.sessions[position] != session:
            raise DataError(f"{session.date()} is not a session of this panel")
        return position

    def split_factor(self) -> Array:
        """Shares that one share of the first row has become by the close of each session."""
        return self._split_factor

    def carried_close(self) -> Array:
        """Value of one share of the first row, without dividends: `close * split_factor`. NaN is kept."""
        return self._carried_close

    def total_returns(self) -> Array:
        """Simple total return of each session; NaN without a close, or without one in the five sessions before."""
        return self._total_returns

    def select(
        self,
        tickers: pd.Index | None = None,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> PricePanel:
        """The panel of some tickers and sessions, both ends inclusive. Split factors start anew at its first row."""
        rows = slice(
            0 if start is None else int(self.sessions.searchsorted(start, side="left")),
            len(self.sessions) if end is None else int(self.sessions.searchsorted(end, side="right")),
        )
        if tickers is None:
            return replace(
                self,
                sessions=self.sessions[rows],
                close=self.close[rows],
                dividend=self.dividend[rows],
                split=self.split[rows],
                volume=self.volume[rows],
            )
        columns = self.tickers.get_indexer(tickers)
        if (columns < 0).any():
            unknown = ", ".join(map(str, tickers[columns < 0][:5]))
            raise DataError(f"no prices of {unknown}")
        return replace(
            self,
            sessions=self.sessions[rows],
            tickers=tickers,
            close=_frozen(self.close[rows, columns]),
            dividend=_frozen(self.dividend[rows, columns]),
            split=_frozen(self.split[rows, columns]),
            volume=_frozen(self.volume[rows, columns]),
            total_return_only=self.total_return_only & frozenset(map(str, tickers)),
        )

    @cached_property
    def _split_factor(self) -> Array:
        return _frozen(np.cumprod(self.split, axis=0, dtype=np.float64))

    @cached_property
    def _carried_close(self) -> Array:
        return _frozen(np.asarray(self.close * self._split_factor).astype(np.float64))

    @cached_property
    def _total_returns(self) -> Array:
        return _frozen(total_returns(self.close, self.dividend, self.split))


def total_returns(close: Array, dividend: Array, split: Array) -> Array:
    """Simple total returns of shape (T, N) from as-traded closes, cash dividends and splits; row 0 is NaN.

    Where a name did not trade for up to four sessions, its next return spans the gap with the splits and dividends
    inside it.

    >>> closes = np.array([[100.0], [51.0]])
    >>> float(total_returns(closes, np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))[1, 0].round(12))
    0.04
    """
    n_sessions = len(close)
    result = np.full(close.shape, np.nan)
    if n_sessions < 2:
        return result
    with np.errstate(invalid="ignore", divide="ignore"):
        result[1:] = split[1:] * (close[1:] + dividend[1:]) / close[:-1] - 1.0
    rows, columns = np.nonzero(np.isnan(result[1:]) & ~np.isnan(close[1:]))
    for row, name in zip(
        (rows + 1).tolist(), columns.tolist(), strict=True
    ):  # the rare names that did not trade the session before
        first = max(row - MAX_CLOSE_AGE, 0)
        traded = np.flatnonzero(~np.isnan(close[first:row, name]))
        if not len(traded):
            continue
        last = first + int(traded[-1])
        shares, cash = 1.0, 0.0
        for t in range(last + 1, row + 1):
            shares *= split[t, name]
            cash += shares * dividend[t, name]
        result[row, name] = (shares * close[row, name] + cash) / close[last, name] - 1.0
    return result


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
