r"""The index level: shares, a divisor, and what happens between two rebalances.

1. At a rebalance close with level I: `q_i = w_i·I·Div/P_i`; until the next one `I_t = (Σ q_i·P_it + cash)/Div`.
   Weights drift in between; nothing is rebalanced daily.
2. A name without a close at the rebalance is not bought (the others share its weight) and, if held, not sold.
3. A name that ends leaves at its last value: `prorata` gives the money to the others at that close, `cash` holds it
   until the next rebalance. The level is the same before and after: `Div_new = Div_old·MV_new/MV_old`.
4. The price return is I. Total return: `TR_t = TR_{t-1}·(I_t + D_t)/I_{t-1}`, `D_t = Σ q_i·div_it/Div` on the ex-date.
   Excess return is total return less cash, actual/360 by calendar day.
5. Between two events the composition is constant, so a stretch of sessions is one array product.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.actions import CorporateAction
from basket.composition import Composition, Event, OnDelete, Stretch
from basket.prices import HALT_SESSIONS, IndexPrices, index_prices
from market.errors import ConfigError

if TYPE_CHECKING:
    from market.panel import PricePanel

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

WEIGHT_SUM_TOLERANCE = 1e-6
MONEY_MARKET_DAYS = 360.0
# Order of what happens at one close: names end, actions settle, the rebalance trades; then the next open's actions.
_ENDS, _SETTLES, _TRADES, _NEXT_OPEN = 0, 1, 2, 3


@dataclass(frozen=True)
class LevelHistory:
    """An index from its inception on.

    level: total return, and price_level (n_sessions,), both `initial` at inception. rebalances: session positions;
    weights (n_rebalances, n_assets) as bought. turnover: one-way, ½Σ|w − drifted| with cash as one name, so that the
    inception, from cash, is 1.
    """

    prices: IndexPrices
    start: int
    level: Floats
    price_level: Floats
    rebalances: Positions
    weights: Floats
    turnover: Floats
    stretches: tuple[Stretch, ...]
    events: tuple[Event, ...]

    @property
    def sessions(self) -> pd.DatetimeIndex:
        return self.prices.sessions[self.start : self.start + len(self.level)]

    @property
    def returns(self) -> Floats:
        """Total return per session after the inception (n_sessions − 1,)."""
        return self.level[1:] / self.level[:-1] - 1.0

    def divisor(self) -> Floats:
        """Divisor that each session's level was computed with (n_sessions,)."""
        out = np.ones(len(self.level))
        for stretch in self.stretches:
            out[stretch.start + 1 - self.start : stretch.end + 1 - self.start] = stretch.divisor
        return out

    def weights_at(self, session: int) -> Floats:
        """Weights (n_assets,) at the close of a session (position) before its trades; at the inception as bought."""
        if session == self.start:
            return self.weights[0].copy()
        stretch = next(s for s in self.stretches if s.start < session <= s.end)
        out = np.zeros(self.weights.shape[1])
        worth = self.prices.value[session, stretch.columns] * stretch.shares
        out[stretch.columns] = worth / (worth.sum() + stretch.cash)
        return out

    def drifted(self) -> tuple[Positions, Floats]:
        """Columns ever held, and their weights at each close before its trades (n_sessions, n_held).

        The inception row is what was bought. Cash from deletions is what is missing from 1.
        """
        held = np.flatnonzero(self.weights.any(axis=0))
        held = np.union1d(held, np.concatenate([s.columns for s in self.stretches])) if self.stretches else held
        out = np.zeros((len(self.level), held.size))
        out[0] = self.weights[0, held]
        for stretch in self.stretches:
            value = self.prices.value[stretch.start + 1 : stretch.end + 1][:, stretch.columns] * stretch.shares
            total = value.sum(axis=1) + stretch.cash
            rows = np.arange(stretch.start + 1 - self.start, stretch.end + 1 - self.start)
            out[np.ix_(rows, np.searchsorted(held, stretch.columns))] = value / total[:, None]
        return held, out


def build_history(
    targets: pd.DataFrame | tuple[Positions, Floats],
    panel: PricePanel | IndexPrices,
    *,
    end: pd.Timestamp | None = None,
    initial: float = 100.0,
    on_delete: OnDelete = "prorata",
    securities: pd.DataFrame | None = None,
    actions: Sequence[CorporateAction] = (),
) -> LevelHistory:
    """Index from target weights and prices.

    targets: rebalance sessions × tickers, each row the weights wanted at that close, summing to 1 (NaN or 0: not held;
    negative: short); or session positions with an array over all tickers of the prices. panel: prices, or what
    `index_prices` made of them, which is cheaper for many indices. end: last session, by default the prices'.
    securities: delisting records, when `panel` is a price panel.

    Raises `ConfigError` for weights that do not sum to 1, an unknown ticker or an empty span, `DataError` where a
    rebalance has no price at all.
    """
    prices = panel if isinstance(panel, IndexPrices) else index_prices(panel, securities)
    at, wanted = targets if isinstance(targets, tuple) else positions_of(targets, prices)
    last = len(prices.sessions) - 1
    if end is not None:
        last = int(prices.sessions.searchsorted(end, side="right")) - 1
    if at.size == 0 or last < at[0]:
        raise ConfigError("no rebalance session inside the span: there is nothing to build")
    at, wanted = at[at <= last], wanted[at <= last]
    sums = wanted.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1.0) <= WEIGHT_SUM_TOLERANCE))
    if wrong.size:
        raise ConfigError(f"weights at {prices.sessions[at[wrong[0]]]:%Y-%m-%d} sum to {sums[wrong[0]]:.6g}, not to 1")

    start = int(at[0])
    price_level = np.full(last - start + 1, initial)
    dividends = np.zeros(last - start + 1)
    weights, turnover = np.zeros(wanted.shape), np.zeros(at.size)
    held = Composition(prices, initial, on_delete)
    stretches: list[Stretch] = []
    settling: dict[int, list[tuple[int, float]]] = {}
    now = start
    for session, what, number in _agenda(at, prices, actions, start, last):
        if what == _ENDS and not held.shares[number]:
            continue
        if session > now:
            stretches.append(_value(held.stretch(now, session), prices, start, price_level, dividends))
            now = session
        if what == _ENDS:
            for ending in (e for e in prices.endings[number] if e.session == session):
                held.end(session, number, ending)
        elif what == _SETTLES:
            for to_sell in settling.pop(session, []):
                held.settle(session, to_sell)
        elif what == _TRADES:
            weights[number], turnover[number] = held.trade(session, wanted[number])
        else:
            brought = held.act(session + 1, actions[number])
            if brought is not None:
                settling.setdefault(session + 1, []).append(brought)
    if last > now:
        stretches.append(_value(held.stretch(now, last), prices, start, price_level, dividends))
    held.events.extend(halts(prices, stretches))
    relative = (price_level[1:] + dividends[1:]) / price_level[:-1]
    level = initial * np.concatenate(([1.0], np.cumprod(relative)))
    return LevelHistory(
        prices, start, level, price_level, at, weights, turnover, tuple(stretches), tuple(sorted(held.events))
    )


def positions_of(targets: pd.DataFrame, prices: IndexPrices) -> tuple[Positions, Floats]:
    """Session positions and weights over all tickers of the prices. Raises `ConfigError` for an unknown ticker."""
    columns = prices.tickers.get_indexer(targets.columns)
    if (columns < 0).any():
        unknown = ", ".join(map(str, targets.columns[columns < 0]))
        raise ConfigError(f"no prices for {unknown}")
    rows = np.array([prices.position(session) for session in targets.sort_index().index], dtype=np.int64)
    wanted = np.zeros((rows.size, len(prices.tickers)))
    wanted[:, columns] = np.nan_to_num(targets.sort_index().to_numpy(dtype=float))
    return rows, wanted


def excess_level(level: pd.Series, rates: pd.Series) -> pd.Series:
    """Excess-return index: total return less cash.

    `rates`: decimal a year by session, accrued actual/360 from the session before; both indexed by session.
    """
    rate = rates.reindex(level.index).ffill().shift(1).to_numpy(dtype=float)[1:]
    days = np.diff(level.index.to_numpy()).astype("timedelta64[D]").astype(float)
    relative = level.to_numpy()[1:] / level.to_numpy()[:-1] - rate * days / MONEY_MARKET_DAYS
    return pd.Series(level.iloc[0] * np.concatenate(([1.0], np.cumprod(relative))), index=level.index, name="excess")


def _agenda(
    at: Positions, prices: IndexPrices, actions: Sequence[CorporateAction], start: int, last: int
) -> list[tuple[int, int, int]]:
    """Everything that may happen, in order: (session, what, column or number)."""
    agenda = [(int(session), _TRADES, number) for number, session in enumerate(at)]
    agenda += [
        (ending.session, _ENDS, column)
        for column, endings in prices.endings.items()
        for ending in endings
        if start < ending.session <= last
    ]
    for number, action in enumerate(actions):
        session = int(prices.sessions.searchsorted(action.session))
        if start < session <= last:
            agenda += [(session - 1, _NEXT_OPEN, number), (session, _SETTLES, number)]
    return sorted(agenda)


def _value(stretch: Stretch, prices: IndexPrices, start: int, price_level: Floats, dividends: Floats) -> Stretch:
    rows = slice(stretch.start + 1, stretch.end + 1)
    out = slice(stretch.start + 1 - start, stretch.end + 1 - start)
    # Row sums, not a matrix product: a row's bits must not depend on how many rows there are.
    worth = (prices.value[rows].take(stretch.columns, axis=1) * stretch.shares).sum(axis=1)
    price_level[out] = (worth + stretch.cash) / stretch.divisor
    dividends[out] = (prices.cash[rows].take(stretch.columns, axis=1) * stretch.shares).sum(axis=1) / stretch.divisor
    return stretch


def halts(prices: IndexPrices, stretches: Sequence[Stretch]) -> list[Event]:
    """An event for each held name on the session its price becomes too old to trade on."""
    out = []
    ends = [stretch.end for stretch in stretches]
    for row, column in prices.halts:
        at = bisect_left(ends, row)
        if at < len(ends) and stretches[at].start < row and column in stretches[at].columns:
            detail = f"no close for more than {HALT_SESSIONS} sessions: last price carried, no trades"
            out.append(Event(prices.sessions[row], str(prices.tickers[column]), "halted", float("nan"), detail))
    return out
