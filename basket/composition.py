"""What an index holds between two events, and how a rebalance, a deletion or a corporate action changes it.

Shares are of the first session's kind (`prices.factor` turns them into today's), so splits do not touch them. The
divisor changes only when money leaves a name without being traded back: a deletion. Every change keeps the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.actions import CorporateAction
from basket.prices import Ending, IndexPrices
from market.errors import DataError

Floats = npt.NDArray[np.float64]
OnDelete = Literal["prorata", "cash"]


class Event(NamedTuple):
    """Something that happened to the composition. value: a weight, a return or an amount, as `detail` says."""

    session: pd.Timestamp
    ticker: str
    event: str
    value: float
    detail: str


@dataclass(frozen=True)
class Stretch:
    """A constant composition from the close of session `start` to the close of `end` (positions).

    columns: names held; shares (n_held,) of the first session's kind; cash in USD; divisor.
    """

    start: int
    end: int
    columns: npt.NDArray[np.int64]
    shares: Floats
    cash: float
    divisor: float


class Composition:
    """Shares, cash and divisor as they change. All values in USD of an index whose first divisor is 1."""

    def __init__(self, prices: IndexPrices, cash: float, on_delete: OnDelete) -> None:
        self.prices = prices
        self.on_delete = on_delete
        self.cash = cash
        self.divisor = 1.0
        self.shares = np.zeros(len(prices.tickers))
        self.columns = np.array([], dtype=np.int64)
        self.events: list[Event] = []

    def hold(self, shares: Floats) -> None:
        """Hold these shares (n_assets,), whatever was held before."""
        self.shares = shares
        self.columns = np.flatnonzero(shares)

    def _note(self, session: int, column: int, event: str, value: float, detail: str) -> None:
        self.events.append(Event(self.prices.sessions[session], str(self.prices.tickers[column]), event, value, detail))

    def worth(self, session: int) -> float:
        return float(self.prices.value[session, self.columns] @ self.shares[self.columns]) + self.cash

    def stretch(self, start: int, end: int) -> Stretch:
        return Stretch(start, end, self.columns, self.shares[self.columns], self.cash, self.divisor)

    def trade(self, session: int, wanted: Floats) -> tuple[Floats, float]:
        """Rebalance at a close to the wanted weights (n_assets,); returns the weights bought and the one-way turnover.

        Names without a close are neither bought nor sold. Raises `DataError` when nothing can be bought.
        """
        value = self.prices.value[session]
        tradable = self.prices.traded[session]
        total = self.worth(session)
        drifted = self.shares * value / total
        target = np.where(tradable, wanted, 0.0)
        room = 1.0
        if not tradable[self.columns].all():
            frozen = self.columns[~tradable[self.columns]]
            room -= drifted[frozen].sum()
            for column in frozen.tolist():
                self._note(session, column, "not_traded", drifted[column], "halted: kept at its drifted weight")
        missing = np.flatnonzero((wanted != 0) & ~tradable & (self.shares == 0))
        for column in missing.tolist():
            self._note(session, column, "not_bought", wanted[column], "no price at the rebalance: weight shared out")
        got = target.sum()
        if got <= 0:
            raise DataError(
                f"none of the names wanted at {self.prices.sessions[session]:%Y-%m-%d} has a price that day"
            )
        target *= room / got
        if room < 1.0:
            target[frozen] = drifted[frozen]
        turnover = 0.5 * (float(np.abs(target - drifted).sum()) + abs(self.cash / total))
        shares = np.zeros_like(target)
        held = np.flatnonzero(target)
        shares[held] = target[held] * total / value[held]
        self.cash = 0.0
        self.hold(shares)
        return target, turnover

    def _release(self, session: int, column: int, shares_sold: float) -> None:
        """Turn shares into cash at the session's value, and hand the cash on as the rulebook says."""
        before = self.worth(session)
        proceeds = shares_sold * self.prices.value[session, column]
        shares = self.shares.copy()
        shares[column] -= shares_sold
        if abs(shares[column]) < 1e-15:
            shares[column] = 0.0
        self.hold(shares)
        self.cash += proceeds
        self._hand_on(before, proceeds)

    def _hand_on(self, before: float, proceeds: float) -> None:
        after = before - proceeds
        if self.on_delete == "prorata" and after > 0 and before > 0 and self.columns.size:
            self.cash -= proceeds
            self.divisor *= after / before

    def end(self, session: int, column: int, ending: Ending) -> None:
        """Delete a name at its last value."""
        self._release(session, column, float(self.shares[column]))
        self._note(session, column, "deleted", ending.delisting_return, f"{ending.reason}; closed at its last value")

    def act(self, session: int, action: CorporateAction) -> tuple[int, float] | None:
        """Apply an action before the open of `session`; returns shares to sell at its close (column, shares), if any.

        A column of −1 stands for cash to hand on at that close.
        """
        column = int(self.prices.tickers.get_indexer(pd.Index([action.ticker]))[0])
        if column < 0 or not self.shares[column]:
            return None
        into = int(self.prices.tickers.get_indexer(pd.Index([action.into]))[0]) if action.into else -1
        old = float(self.shares[column] * self.prices.factor[session - 1, column])
        shares = self.shares.copy()
        cash = old * action.cash
        to_sell: tuple[int, float] | None = None
        if action.kind == "spin_off":
            if into >= 0 and self.prices.traded[session, into]:
                received = old * action.ratio / self.prices.factor[session, into]
                shares[into] += received
                to_sell, cash = (into, received), 0.0
            else:
                to_sell = (-1, cash)
        else:
            shares[column] = 0.0
            if action.kind != "cash_merger":
                if into < 0:
                    raise DataError(f"{action.ticker} becomes {action.into}, which has no prices")
                shares[into] += old * action.ratio / self.prices.factor[session, into]
            if cash:
                to_sell = (-1, cash)
        self.cash += cash
        self.hold(shares)
        self._note(session, column, action.kind, action.ratio if action.into else action.cash, in_words(action))
        return to_sell

    def settle(self, session: int, to_sell: tuple[int, float]) -> None:
        """At the close of an action's session: sell what it brought, or hand its cash on."""
        column, amount = to_sell
        if column >= 0:
            self._release(session, column, amount)
        else:
            self._hand_on(self.worth(session), amount)


def in_words(action: CorporateAction) -> str:
    """What a share becomes."""
    if action.kind == "cash_merger":
        return f"{action.cash:g} USD a share"
    extra = f" and {action.cash:g} USD" if action.cash and action.kind == "stock_merger" else ""
    return f"{action.ratio:g} {action.into}{extra} a share"
