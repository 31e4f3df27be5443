"""What was known of one company on a day, and the filing each figure came from. Needs facts, not prices.

1. The company is named by a ticker (of that day) or by its CIK (`CIK320193`), with or without leading zeros.
2. Its own rows are read and nothing else; sessions are the exchange's, up to the last one on or before the day.
3. Flows are trailing twelve months, balances and share counts the latest reported; what is unknown is left out.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market import calendar
from market.errors import DataError
from market.facts import ITEMS, FactSource, known_at
from market.histories import Basis, default_basis
from market.spelling import exchange_spelling
from market.statement_view import StatementView
from market.statements import Statements

if TYPE_CHECKING:
    from market.market import Market

CIK = re.compile(r"^CIK0*(\d{1,10})$", re.IGNORECASE)
FIRST_DAY = "2000-01-01"  # long before the first XBRL filing
NAMES_SHOWN = 5


@dataclass(frozen=True)
class Fundamentals:
    """One company at one session. Money in USD."""

    ticker: str
    name: str
    session: pd.Timestamp
    view: StatementView

    def value(self, item: str, basis: Basis | None = None, lag: int = 0) -> float:
        """One figure, NaN where it was not known."""
        return float(self.view.item(item, basis, lag)[0])

    def source(self, item: str, basis: Basis | None = None, lag: int = 0) -> FactSource | None:
        """The filing behind a figure; None where it was not known."""
        return self.view.source(self.ticker, item, basis, lag)

    @cached_property
    def ttm(self) -> dict[str, float]:
        """Trailing twelve months of the flows that were known, by item."""
        return {item: v for item in ITEMS if default_basis(item) == "ttm" and np.isfinite(v := self.value(item))}

    @cached_property
    def latest(self) -> dict[str, float]:
        """The latest balances and share counts that were known, by item."""
        return {item: v for item in ITEMS if default_basis(item) == "latest" and np.isfinite(v := self.value(item))}

    @cached_property
    def sources(self) -> dict[str, FactSource]:
        """The filing behind each of these figures."""
        found = {item: self.source(item) for item in (*self.ttm, *self.latest)}
        return {item: source for item, source in found.items() if source is not None}

    def to_dict(self) -> dict[str, object]:
        """As plain data: `{"ticker", "as_of", "name", "ttm", "latest", "sources"}`, dates as texts."""
        return {
            "ticker": self.ticker,
            "as_of": self.session.date().isoformat(),
            "name": self.name,
            "ttm": dict(self.ttm),
            "latest": dict(self.latest),
            "sources": {
                item: {
                    "form": source.form,
                    "accession": source.accession,
                    "filed": None if pd.isna(source.filed) else source.filed.date().isoformat(),
                    "period_end": source.period_end.date().isoformat(),
                    "known_at": source.known_at.date().isoformat(),
                    "flags": list(source.flags),
                }
                for item, source in self.sources.items()
            },
        }


def fundamentals(data: Market, name: str, as_of: pd.Timestamp | str) -> Fundamentals:
    """What was known of a company at the close of the session on or before `as_of`.

    Raises `DataError` where the data have no facts of that name, or the day is outside the calendar.
    """
    session = calendar.session_on_or_before(as_of)
    ticker = ticker_of(data, name, session)
    rows = _rows(data, ticker)
    if rows.empty:
        raise DataError(f"no facts of {name!r}" + (f" (kept as {ticker})" if ticker != name else _hint(data, name)))
    sessions = calendar.sessions_between(FIRST_DAY, session)
    _demand_something_known(rows, ticker, session)
    view = Statements.build(rows, pd.Index([ticker]), sessions).at(session)
    found = Fundamentals(ticker, _name(data, ticker), session, view)
    if not found.ttm and not found.latest:
        last = rows.loc[known_at(rows, sessions).notna(), "period_end"].max()
        raise DataError(f"nothing fresh of {ticker} on {session.date()}: the last period known ended {last.date()}")
    return found


def _demand_something_known(rows: pd.DataFrame, ticker: str, session: pd.Timestamp) -> None:
    known = known_at(rows, calendar.nyse_sessions()).min()
    if not known <= session:
        first = "lies outside the calendar" if pd.isna(known) else f"was known on {known.date()}"
        raise DataError(f"nothing of {ticker} was known on {session.date()}: its first fact {first}")


def _hint(data: Market, name: str) -> str:
    """What may have been meant: a CIK without its prefix, or a name that is spelt nearly so."""
    if name.isdigit():
        return f": is it the CIK of a company? Then write CIK{int(name)}"
    held = [str(ticker) for ticker in data.rows("facts")["ticker"].unique()]
    close = difflib.get_close_matches(name.upper(), held, n=1)
    if close:
        return f": did you mean {close[0]!r}?"
    shown = ", ".join(sorted(held)[:NAMES_SHOWN])
    return f"; there are facts of {len(held)} names ({shown}{', …' if len(held) > NAMES_SHOWN else ''})"


def ticker_of(data: Market, name: str, day: pd.Timestamp) -> str:
    """The ticker under which the data keep the facts of a symbol of that day, or of a CIK.

    Raises `DataError` where they know neither.
    """
    name = exchange_spelling(name)
    cik = CIK.match(name)
    if cik is None:
        if not data.has("symbols"):
            return name
        from market.symbols import SymbolMap

        known = set(data.rows("securities")["ticker"]) if data.has("securities") else set()
        return SymbolMap(data.rows("symbols")).ticker(name, day, known)
    if data.has("securities"):
        rows = data.rows("securities")
        if "cik" in rows:
            found = rows.loc[rows["cik"] == int(cik[1]), "ticker"]
            if len(found):
                return str(found.iloc[0])
    spelt = f"CIK{int(cik[1])}"
    if not _rows(data, spelt).empty:
        return spelt
    raise DataError(f"no company with CIK {int(cik[1])} in the data")


def _rows(data: Market, ticker: str) -> pd.DataFrame:
    if not data.has("facts"):
        raise DataError(f"{data.name}: no facts; bring them with `hedgebasket data import` or `hedgebasket data sync`")
    return data.rows_of("facts", ticker)


def _name(data: Market, ticker: str) -> str:
    if not data.has("securities"):
        return ""
    rows = data.rows("securities")
    named = rows.loc[rows["ticker"] == ticker, "name"] if "name" in rows else pd.Series(dtype="str")
    return "" if named.empty or pd.isna(named.iloc[-1]) else str(named.iloc[-1])
