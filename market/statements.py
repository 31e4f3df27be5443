"""Company fundamentals as known at a session, aligned with the tickers.

1. The first question about (item, basis, lag) makes the item's history: which figure held from which session on
   (`market.derivation`). The histories of a store are kept beside it (`market.statement_memo`); its facts are read
   only for those that are not.
2. `Statements.at(session)` (`market.statement_view`) answers by search: nothing is recomputed, and nothing known
   later is seen.
3. Freshness at the session: a balance-sheet item or a single quarter whose newest period ended more than 200 days ago
   is unknown; a trailing or fiscal year lasts 15 months, and so does a balance that is given once a year.
4. `lag` counts quarters for `ttm`, `latest` and `quarter`, fiscal years for `year`; freshness is that of lag 0.

Values are float64 in USD (shares for share counts), shape (N,), NaN where unknown. The arrays are read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.derivation import Derivation
from market.errors import DataError
from market.facts import IntArray, days
from market.histories import Ask, Basis, History, Walk

if TYPE_CHECKING:
    import pyarrow as pa

    from market.statement_memo import StatementMemo
    from market.statement_view import StatementView


class Statements:
    """Every figure of every company, from the session on which it became known. Read through `at(session)`."""

    def __init__(
        self,
        read: Callable[[], pd.DataFrame | pa.Table],
        tickers: pd.Index,
        sessions: pd.DatetimeIndex,
        memo: StatementMemo | None = None,
        read_company: Callable[[str], pd.DataFrame] | None = None,
    ) -> None:
        """`read` gives the facts table when it is first needed; with a `memo` that holds all that is asked, never.

        `read_company` gives the facts of one ticker, where that is less work.
        """
        self.tickers = tickers
        self.sessions = sessions
        self.session_days = days(sessions)
        self._memo = memo
        self._read_company = read_company
        companies = tickers if memo is None else memo.companies
        self._company: IntArray = companies.get_indexer(tickers).astype(np.int64)
        self._derivation = Derivation(read, companies)
        self._alone: dict[str, Derivation] = {}
        self._histories: dict[Ask, History | None] = {}
        self._walks: dict[History, Walk] = {}

    @classmethod
    def build(cls, facts: pd.DataFrame | pa.Table, tickers: pd.Index, sessions: pd.DatetimeIndex) -> Statements:
        """Read a facts table (interface.md; a frame or Arrow) for the companies `tickers` and sessions `sessions`.

        Rows of other tickers, without a value, with a period that ends before it starts, and flows without a
        `period_start` are left out.
        """
        statements = cls(lambda: facts, tickers, sessions)
        assert len(statements._derivation.facts.usable) == len(facts)  # read now: the caller may change it later
        return statements

    def at(self, session: pd.Timestamp | str) -> StatementView:
        """The fundamentals as known at the close of a session (a non-session counts as the session before it)."""
        from market.statement_view import StatementView

        position = int(self.sessions.searchsorted(pd.Timestamp(session).normalize(), side="right")) - 1
        if position < 0:
            raise DataError(f"no session on or before {pd.Timestamp(session):%Y-%m-%d}: fundamentals start later")
        return StatementView(self, position)

    def has(self, name: str) -> bool:
        """Whether the facts hold an item of that name."""
        return name in (self._derivation.facts.items if self._memo is None else self._memo.items)

    def history(self, name: str, basis: Basis, lag: int) -> History | None:
        """What each company's figure was from each session on; None where there is none at all."""
        key = (name, basis, lag)
        if key not in self._histories:
            found = self._memo.load(*key) if self._memo is not None else None
            if found is None:
                found = self._derivation.history(*key)
                if self._memo is not None:
                    self._memo.save(*key, found)
            self._histories[key] = found if found is not None and len(found.key) else None
        return self._histories[key]

    @property
    def asked(self) -> frozenset[Ask]:
        """Every (item, basis, lag) that was asked for so far."""
        return frozenset(self._histories)

    def reached(self, history: History, day: int) -> IntArray:
        """The last event of each ticker up to a day, as positions in `history`; -1 where there is none yet."""
        if history not in self._walks:
            self._walks[history] = Walk.of(history, self._company)
        return self._walks[history].last(history, self._company, day)

    def newest(self, ticker: str, name: str, period: tuple[int, int], day: int) -> tuple[dict[str, object], int]:
        """Form, accession and filing date of the fact of a period in the version in force, and the day it was known."""
        if self._read_company is None:
            derivation, company = self._derivation, int(self._company[self.tickers.get_loc(ticker)])
        else:
            if ticker not in self._alone:
                rows = self._read_company(ticker)
                self._alone[ticker] = Derivation(lambda: rows, pd.Index([ticker]))
            derivation, company = self._alone[ticker], 0
        row = derivation.newest(company, name, *period, day)
        assert row is not None  # the figure came from it
        return derivation.facts.record(row), int(derivation.facts.known[row])
