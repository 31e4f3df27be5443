"""Many indices over the same prices at once: `level.build_history`, one array operation for all of them.

1. Between two events each index is a row of columns and shares; a stretch of sessions is one product for all rows.
2. A rebalance at which every name trades is one product too; a row with a name that does not is left to
   `composition.Composition.trade`.
3. A name that ends leaves the rows that hold it, by the rule of `Composition.end`.
4. Dividends are few, so that only the sessions and names that pay are looked at.

A row's figures do not depend, to the bit, on the other rows. Corporate actions are not handled: use `build_history`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.composition import Composition, Event, OnDelete, Stretch
from basket.level import LevelHistory, halts
from basket.many_walks import Wanted
from basket.prices import Ending, IndexPrices

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)


def build_histories(
    at: Ints, wanted: Sequence[Wanted], prices: IndexPrices, *, end: pd.Timestamp, initial: float, on_delete: OnDelete
) -> list[LevelHistory]:
    """One index for each row of the targets `wanted` at the session positions `at`, the last session being `end`."""
    last = int(prices.sessions.searchsorted(end, side="right")) - 1
    at = at[at <= last]
    many = _Many(prices, int(at[0]), last, len(wanted[0].columns), initial, on_delete)
    for session, endings, number in _agenda(at, prices, wanted, last):
        many.run_to(session)
        for column, ending in endings:
            many.end(session, column, ending)
        if number is not None:
            many.trade(number, session, wanted[number])
    many.run_to(last)
    return [many.history(row, at) for row in range(many.n_rows)]


def _agenda(
    at: Ints, prices: IndexPrices, wanted: Sequence[Wanted], last: int
) -> Iterator[tuple[int, list[tuple[int, Ending]], int | None]]:
    """Sessions on which something happens: the names that end, and the number of the rebalance if there is one."""
    trades = {int(session): number for number, session in enumerate(at)}
    ends: dict[int, list[tuple[int, Ending]]] = {}
    ever = np.unique(np.concatenate([target.columns[target.weights > 0] for target in wanted]))
    for column in set(ever.tolist()) & prices.endings.keys():
        for ending in prices.endings[column]:
            if at[0] < ending.session <= last:
                ends.setdefault(ending.session, []).append((column, ending))
    for session in sorted(trades.keys() | ends.keys()):
        yield session, sorted(ends.get(session, [])), trades.get(session)


@dataclass
class _Many:
    """The state of all rows. columns, shares (n_rows, n_names): a place that is not used has no shares."""

    prices: IndexPrices
    start: int
    last: int
    n_rows: int
    initial: float
    on_delete: OnDelete
    columns: Ints = field(init=False)
    shares: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.by_name = np.ascontiguousarray(self.prices.value[self.start : self.last + 1].T)
        self.columns = np.zeros((self.n_rows, 1), dtype=np.int64)
        self.shares = np.zeros((self.n_rows, 1))
        self.cash = np.full(self.n_rows, self.initial)
        self.divisor = np.ones(self.n_rows)
        self.now = self.start
        self.since = np.full(self.n_rows, self.start)
        self.price = np.full((self.n_rows, self.last - self.start + 1), self.initial)
        self.paid = np.zeros(self.price.shape)
        self.stretches: list[list[Stretch]] = [[] for _ in range(self.n_rows)]
        self.events: list[list[Event]] = [[] for _ in range(self.n_rows)]
        self.bought: list[Wanted] = []
        self.turnover: list[Floats] = []

    def run_to(self, session: int) -> None:
        """Price every row from the last event to the close of `session`."""
        if session <= self.now:
            return
        out = slice(self.now + 1 - self.start, session + 1 - self.start)
        # Name after name, not a matrix product: a row's bits must not depend on how many rows there are.
        worth = (self.by_name[self.columns, out] * self.shares[:, :, None]).sum(axis=1)
        self.price[:, out] = (worth + self.cash[:, None]) / self.divisor[:, None]
        rows, columns = np.nonzero(self.prices.cash[self.now + 1 : session + 1])
        if rows.size:
            held = np.zeros((self.n_rows, len(self.prices.tickers)))
            np.add.at(held, (np.arange(self.n_rows)[:, None], self.columns), self.shares)
            paid = held.take(columns, axis=1) * self.prices.cash[self.now + 1 + rows, columns]
            days, first = np.unique(rows, return_index=True)
            sums = np.add.reduceat(paid, first, axis=1)
            self.paid[:, self.now + 1 - self.start + days] = sums / self.divisor[:, None]
        self.now = session

    def trade(self, number: int, session: int, wanted: Wanted) -> None:
        """Rebalance every row to the wanted weights."""
        value, traded = self.prices.value[session], self.prices.traded[session]
        self._close(np.arange(self.n_rows), session)
        total = self._worth(session)
        weights = wanted.weights / wanted.weights.sum(axis=1)[:, None]
        drifted = np.zeros((self.n_rows, len(value)))
        rows = np.arange(self.n_rows)[:, None]
        np.add.at(drifted, (rows, self.columns), -self.shares * value[self.columns] / total[:, None])
        np.add.at(drifted, (rows, wanted.columns), weights)
        turnover = 0.5 * (np.abs(drifted).sum(axis=1) + np.abs(self.cash / total))
        stuck = ((weights != 0) & ~traded[wanted.columns]).any(axis=1)
        stuck |= ((self.shares != 0) & ~traded[self.columns]).any(axis=1)
        price = np.where(weights != 0, value[wanted.columns], 1.0)
        shares = np.divide(weights * total[:, None], price, out=np.zeros(weights.shape), where=price > 0)
        columns = wanted.columns
        alone = {row: self._alone(row, session, wanted) for row in np.flatnonzero(stuck).tolist()}
        if alone:
            width = max(columns.shape[1], *(np.count_nonzero(target) for target, _, _ in alone.values()))
            columns, weights, shares = (_widened(part, width) for part in (columns, weights, shares))
            for row, (target, after, moved) in alone.items():
                held = np.flatnonzero(target)
                columns[row], weights[row], shares[row] = 0, 0.0, 0.0
                columns[row, : held.size] = held
                weights[row, : held.size], shares[row, : held.size] = target[held], after[held]
                turnover[row] = moved
        self.columns, self.shares = columns, shares
        self.cash = np.zeros(self.n_rows)
        self.bought.append(Wanted(columns, weights))
        self.turnover.append(turnover)

    def _alone(self, row: int, session: int, wanted: Wanted) -> tuple[Floats, Floats, float]:
        """Weights bought, shares and turnover of one row, some of whose names do not trade."""
        one = Composition(self.prices, float(self.cash[row]), self.on_delete)
        one.hold(_dense(self.columns[row], self.shares[row], one.shares.size))
        target, turnover = one.trade(session, _dense(wanted.columns[row], wanted.weights[row], one.shares.size))
        self.events[row] += one.events
        return target, one.shares, turnover

    def end(self, session: int, column: int, ending: Ending) -> None:
        """Delete a name from the rows that hold it, at its last value."""
        place = (self.columns == column) & (self.shares != 0)
        rows = np.flatnonzero(place.any(axis=1))
        if rows.size == 0:
            return
        self._close(rows, session)
        before = self._worth(session)
        proceeds = (np.where(place, self.shares, 0.0).sum(axis=1) * self.prices.value[session, column])[rows]
        self.shares = np.where(place, 0.0, self.shares)
        left = before[rows] - proceeds
        shared = (left > 0) & (before[rows] > 0) & (self.shares[rows] != 0).any(axis=1) & (self.on_delete == "prorata")
        self.cash[rows[~shared]] += proceeds[~shared]
        self.divisor[rows[shared]] *= (left / before[rows])[shared]
        told = Event(
            self.prices.sessions[session], str(self.prices.tickers[column]), "deleted", ending.delisting_return,
            f"{ending.reason}; closed at its last value",
        )  # fmt: skip
        for row in rows.tolist():
            self.events[row].append(told)

    def _worth(self, session: int) -> Floats:
        return (self.prices.value[session, self.columns] * self.shares).sum(axis=1) + self.cash

    def _close(self, rows: Ints, session: int) -> None:
        """Write down the stretch that ends for these rows."""
        used = self.shares != 0
        whole = used.all()
        since, cash, divisor = self.since.tolist(), self.cash.tolist(), self.divisor.tolist()
        for row in rows.tolist():
            if session > since[row]:
                columns, shares = self.columns[row], self.shares[row]
                if not whole:
                    columns, shares = columns[used[row]], shares[used[row]]
                self.stretches[row].append(Stretch(since[row], session, columns, shares, cash[row], divisor[row]))
        self.since[rows] = session

    def history(self, row: int, at: Ints) -> LevelHistory:
        """One finished row."""
        self._close(np.array([row]), self.last)
        weights = np.zeros((len(self.bought), len(self.prices.tickers)))
        for number, bought in enumerate(self.bought):
            # Backwards, so that a place at the end that is not used overwrites nothing.
            weights[number, bought.columns[row, ::-1]] = bought.weights[row, ::-1]
        relative = (self.price[row, 1:] + self.paid[row, 1:]) / self.price[row, :-1]
        level = self.initial * np.concatenate(([1.0], np.cumprod(relative)))
        events = self.events[row] + halts(self.prices, self.stretches[row])
        turnover = np.array([moved[row] for moved in self.turnover])
        return LevelHistory(
            self.prices, self.start, level, self.price[row], at, weights, turnover, tuple(self.stretches[row]),
            tuple(sorted(events)),
        )  # fmt: skip


def _dense(columns: Ints, amounts: Floats, size: int) -> Floats:
    out = np.zeros(size)
    used = amounts != 0
    out[columns[used]] = amounts[used]
    return out


def _widened(part: npt.NDArray[Number], width: int) -> npt.NDArray[Number]:
    out = np.zeros((part.shape[0], width), dtype=part.dtype)
    out[:, : part.shape[1]] = part
    return out
