"""Daily bars from Yahoo, turned back into what was traded. The one import of yfinance.

1. Symbols go out in Yahoo's spelling (`BRK-B`) and come back in the exchange's (`BRK.B`).
2. Each ticker is one paced request for the whole span up to today (later splits are needed to undo them); a rate limit
   pauses all threads, other failures are retried; a ticker that fails is reported and the others go on.
3. Yahoo's closes, volumes and dividends are adjusted for every later split. They are multiplied (volume: divided) by
   the later splits once, so that a close is the one traded that day, a dividend the cash paid on a share of that day.
4. Yahoo does not always do as it says. A split that its closes still jump by was not applied to them, and is not
   undone; a dividend that fits the step of its adjusted closes only in shares of its own day is taken as it stands.
5. Capital gains of funds are cash too. A bar of a session still open is left out.
6. Statements are a last resort (`market.sources.yahoo_statements`); their currency is asked for first.
"""

from __future__ import annotations

import random
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.errors import DataError
from market.sources.pacing import Pace, Patience, Refusals, completed
from market.sources.yahoo_statements import CURRENCY, statement_rows

SETTLED_HOUR = 18  # New York: after it today's bar is final
RATE_LIMIT_PAUSE = 30.0
CLEAR_SPLIT = 1.25  # splits nearer to one (spin-offs) cannot be told from a day's move, and are taken as applied
PRICE_DECIMALS = 4
MISPRINT = np.log(1.02)  # adjusted closes are printed to six digits; a dividend must fit better than this to count
NOT_FOUND = 404
_T = TypeVar("_T")


def symbol_at_yahoo(ticker: str) -> str:
    """Yahoo's spelling of a symbol.

    >>> symbol_at_yahoo("BRK.B"), symbol_at_yahoo("^GSPC")
    ('BRK-B', '^GSPC')
    """
    return ticker.upper().replace(".", "-")


def later_splits(split: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of the splits after each row; shape (T,), 1 where there are none.

    >>> later_splits(np.array([1.0, 2.0, 1.0])).tolist()
    [2.0, 1.0, 1.0]
    """
    product = np.cumprod(split[::-1])[::-1]
    return np.append(product[1:], 1.0)


def as_traded(bars: pd.DataFrame) -> pd.DataFrame:
    """Yahoo's unadjusted history (`auto_adjust=False`) as rows of `prices` without a ticker: date, close, open, ...

    Needs Close; uses Open, High, Low, Volume, Adj Close, Dividends, Capital Gains and Stock Splits where present. Rows
    without a close keep their split and dividend on the next traded row.
    """
    bars = bars.sort_index()
    close = bars["Close"].to_numpy(dtype=np.float64)
    split = _column(bars, "Stock Splits", 0.0)
    split = np.where((split > 0) & np.isfinite(split), split, 1.0)
    cash = _column(bars, "Dividends", 0.0) + _column(bars, "Capital Gains", 0.0)
    split, cash = _on_traded_rows(close, split, cash)
    traded = np.isfinite(close) & (close > 0)
    close, split, cash = close[traded], split[traded], cash[traded]
    undone = later_splits(_applied(close, split))
    owed = later_splits(split)
    ratio = _column(bars, "Adj Close", np.nan)[traded] / close
    dividend = cash * np.where(_stands_as_paid(close * undone / owed, ratio, cash, owed), 1.0, owed)
    index = pd.DatetimeIndex(bars.index[traded])
    days = (index.tz_localize(None) if index.tz is not None else index).normalize()
    frame = pd.DataFrame({"date": days.astype("datetime64[ns]"), "close": _price(close * undone)})
    for name in ("Open", "High", "Low"):
        if name in bars:
            price = _price(bars[name].to_numpy(dtype=np.float64)[traded] * undone)
            frame[name.lower()] = np.where(price > 0, price, np.nan)
    if "Volume" in bars:
        frame["volume"] = np.round(bars["Volume"].to_numpy(dtype=np.float64)[traded] / undone)
    frame["dividend"] = np.round(dividend, 6)
    frame["split"] = split
    return frame


class OtherCurrency(DataError):
    """Statements that are not, or not known to be, in US dollars."""


class Yahoo:
    """Yahoo's chart and statement services through yfinance, paced. `base_url` lets another server stand in."""

    def __init__(self, cache: Path, patience: Patience | None = None, base_url: str | None = None) -> None:
        import yfinance
        from yfinance import exceptions
        from yfinance.data import YfData

        # its own deprecated calls of pandas, one warning a ticker
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"yfinance\.")

        self.patience = patience or Patience(requests_per_second=2.0, in_flight=3, attempts=5, first_wait=2.0)
        self._pace = Pace(self.patience.requests_per_second)
        self._refusals = Refusals(self.patience.give_up_after)
        self._stopped = threading.Event()
        cache.mkdir(parents=True, exist_ok=True)
        yfinance.set_tz_cache_location(str(cache))
        yfinance.config.debug.hide_exceptions = False
        self._ticker = yfinance.Ticker
        self._session = _session(base_url) if base_url else None
        self._limited = exceptions.YFRateLimitError
        self._missing = exceptions.YFTickerMissingError
        self._no_answer = exceptions.YFException
        # it keeps answers by address, broken ones too
        self._forget: Callable[[], None] = YfData.cache_get.cache_clear
        self._errors = (exceptions.YFException, OSError, ValueError, KeyError, TypeError, IndexError)

    def bars(
        self, tickers: Collection[str], since: pd.Timestamp | str, now: pd.Timestamp | None = None
    ) -> Iterator[tuple[str, pd.DataFrame | DataError]]:
        """Rows of `prices` for each ticker from `since` on, in the order of arrival; a `DataError` where one failed."""
        start = pd.Timestamp(since)

        def fetch(ticker: str) -> pd.DataFrame:
            history = self._patiently(
                ticker,
                lambda: self._ticker(symbol_at_yahoo(ticker), session=self._session).history(
                    start=start.strftime("%Y-%m-%d"),
                    auto_adjust=False,
                    actions=True,
                    timeout=self.patience.read_timeout,
                ),
            )
            if not len(history) or "Close" not in history:
                raise DataError(f"{ticker}: Yahoo has no prices from {start.date()} on")
            frame = as_traded(history)
            frame = frame[frame["date"] <= last_final_day(now)].reset_index(drop=True)
            frame.insert(1, "ticker", pd.Series(ticker, index=frame.index, dtype="str"))
            return frame

        return completed(fetch, tickers, self.patience.in_flight, self.stop)

    def statements(self, tickers: Collection[str]) -> Iterator[tuple[str, pd.DataFrame | DataError]]:
        """Rows of `facts` for each ticker: four or five years and quarters, not point in time.

        A `DataError` where one failed; `OtherCurrency` where its statements are not known to be in US dollars.
        """

        def fetch(ticker: str) -> pd.DataFrame:
            currency = self._patiently(ticker, lambda: self._currency(ticker))
            if currency != CURRENCY:
                raise OtherCurrency(
                    f"Yahoo's statements are in {currency}, not {CURRENCY}"
                    if currency
                    else "Yahoo does not say which currency its statements are in"
                )
            company = self._ticker(symbol_at_yahoo(ticker), session=self._session)
            reads = (company.get_income_stmt, company.get_balance_sheet, company.get_cash_flow)
            parts = []
            for read in reads:
                for freq in ("yearly", "quarterly"):
                    table = self._patiently(ticker, partial(self._statement, read, freq))
                    parts.append(statement_rows(table, ticker, annual=freq == "yearly"))
            found = pd.concat(parts, ignore_index=True).drop_duplicates(["item", "period_end", "period_start"])
            if not len(found):
                raise DataError(f"{ticker}: Yahoo has no statements")
            return found

        return completed(fetch, tickers, self.patience.in_flight, self.stop)

    def _currency(self, ticker: str) -> str:
        """The currency that a company reports in; empty where Yahoo knows none. The price's may be another."""
        company = self._ticker(symbol_at_yahoo(ticker), session=self._session)  # it remembers a failure: a new one
        self._forget()
        try:
            return str((company.get_info() or {}).get("financialCurrency") or "")
        except OSError as error:
            if getattr(getattr(error, "response", None), "status_code", None) == NOT_FOUND:
                return ""
            raise

    def _statement(self, read: Callable[..., pd.DataFrame], freq: str) -> pd.DataFrame:
        self._forget()
        try:
            return read(pretty=True, freq=freq)
        except self._no_answer as error:
            if "Empty" in str(error):  # the company has no such statement
                return pd.DataFrame()
            raise

    def stop(self) -> None:
        """Wake and end every thread that waits here."""
        self._stopped.set()

    def _patiently(self, ticker: str, ask: Callable[[], _T]) -> _T:
        self._refusals.demand()
        reason, of_the_server = "", True
        for attempt in range(self.patience.attempts):
            if attempt and self._stopped.wait(self.patience.back_off(attempt, random.random())):
                raise DataError("stopped")
            self._pace.wait(self._stopped)
            try:
                answer = ask()
                self._refusals.answered()
                return answer
            except self._limited:
                reason = "rate limited"
                self._pace.pause(min(RATE_LIMIT_PAUSE, self.patience.longest_wait))
            except self._missing as error:
                self._refusals.answered()
                raise DataError(f"{ticker}: {error}") from error
            except self._errors as error:
                reason = f"{type(error).__name__}: {error}"
                of_the_server &= isinstance(error, OSError)
        if of_the_server:  # and not of this ticker
            self._refusals.unanswered(reason)
        raise DataError(f"{ticker}: Yahoo gave no answer after {self.patience.attempts} attempts ({reason})")


def last_final_day(now: pd.Timestamp | None = None) -> pd.Timestamp:
    """The last day whose bar is final at a New York time (default: now)."""
    moment = now if now is not None else pd.Timestamp.now("America/New_York").tz_localize(None)
    return moment.normalize() if moment.hour >= SETTLED_HOUR else moment.normalize() - pd.Timedelta(days=1)


def _column(bars: pd.DataFrame, name: str, default: float) -> NDArray[np.float64]:
    if name not in bars:
        return np.full(len(bars), default)
    return bars[name].to_numpy(dtype=np.float64, na_value=default)


def _price(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded to what is printed: single-precision noise is not a price."""
    return np.round(values, PRICE_DECIMALS)


def _on_traded_rows(
    close: NDArray[np.float64], split: NDArray[np.float64], cash: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    split, cash = split.copy(), cash.copy()
    for i in np.flatnonzero(~np.isfinite(close) & ((split != 1) | (cash != 0)))[::-1]:
        following = np.flatnonzero(np.isfinite(close[i + 1 :]))
        if len(following):
            at = i + 1 + following[0]
            split[at] *= split[i]
            cash[at] += cash[i]
    return split, cash


def _applied(close: NDArray[np.float64], split: NDArray[np.float64]) -> NDArray[np.float64]:
    """The splits that the closes were adjusted for: 1 where they jump as an unadjusted series does."""
    applied = split.copy()
    for i in np.flatnonzero(split != 1):
        if i == 0 or max(split[i], 1 / split[i]) < CLEAR_SPLIT:
            continue
        move = np.log(close[i] / close[i - 1])
        if abs(move + np.log(split[i])) < abs(move):
            applied[i] = 1.0
    return applied


def _stands_as_paid(
    adjusted: NDArray[np.float64], ratio: NDArray[np.float64], cash: NDArray[np.float64], owed: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a dividend is in shares of its day already: the step of Yahoo's adjusted closes tells.

    `adjusted` are closes adjusted for all splits, `ratio` is Yahoo's adjusted to plain close.
    """
    result = np.zeros(len(adjusted), dtype=bool)
    for i in np.flatnonzero((cash > 0) & (owed != 1)):
        if i == 0 or not np.isfinite(ratio[i - 1]) or not np.isfinite(ratio[i]):
            continue
        step = 1.0 - ratio[i - 1] / ratio[i]  # the adjusted dividend over the close before
        if step <= 0:
            continue
        miss = abs(np.log(cash[i] / adjusted[i - 1] / step))
        miss_as_paid = abs(np.log(cash[i] / owed[i] / adjusted[i - 1] / step))
        result[i] = miss_as_paid < miss and miss > MISPRINT
    return result


def _session(base_url: str) -> object:
    """A session of yfinance's own kind that sends every request to another server, path and query unchanged."""
    from curl_cffi import requests

    target = urlsplit(base_url)

    class Redirected(requests.Session):
        def request(self, method, url, *args, **kwargs):  # type: ignore[no-untyped-def]
            parts = urlsplit(url)
            local = urlunsplit((target.scheme, target.netloc, parts.path, parts.query, parts.fragment))
            return super().request(method, local, *args, **kwargs)

    return Redirected()
