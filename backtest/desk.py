"""What a desk asks of a basket on a day: the trade list, and in the morning what changed since yesterday.

1. Requests that cannot be met are refused before anything is built: no size, no session, a bad row of the holdings.
2. With a long book its companies are left out, and targets are relative to it, as a run does; without one nothing is.
3. The trade list starts from the holdings of a file; for the daily sheet without a file, from the basket's own names,
   drifted since its last rebalance.
4. With a long book the daily sheet carries the hedge ratio by a run's default rules: estimated afresh on both days, and
   what those rules would be holding.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.legs import check_sessions, walk
from backtest.spec import Hedge
from basket import hedge
from basket.book import read_holdings
from basket.building import Spec, build, read_spec
from basket.built import Basket
from basket.daily import DailySheet, daily_sheet
from basket.orders import DEFAULT_NOTIONAL, TradeList, demand_size, trade_list
from basket.schedule import next_rebalance
from basket.source_spec import FixedList, Positions
from basket.spec import BasketSpec, BookSpec
from market.errors import ConfigError, DataError

if TYPE_CHECKING:
    from market.market import Market

Told = Callable[[str], None]

NO_BOOK = "no long book was given: no company is left out for being in it, and a run would leave them out; give --book"


@dataclass(frozen=True)
class Desk:
    """trades: target and orders. sheet: what changed since the session before, where it was asked for.

    next_rebalance: the first scheduled session after the day, and the session whose close decides it.
    """

    trades: TradeList
    sheet: DailySheet | None
    next_rebalance: tuple[pd.Timestamp, pd.Timestamp] | None = None

    def as_json(self) -> dict[str, object]:
        """The trade list's keys, `next_rebalance`, and `daily`."""
        daily = {} if self.sheet is None else {"daily": self.sheet.as_json()}
        coming = None
        if self.next_rebalance is not None:
            coming = {"session": f"{self.next_rebalance[0]:%Y-%m-%d}", "signal": f"{self.next_rebalance[1]:%Y-%m-%d}"}
        return {**self.trades.as_json(), "next_rebalance": coming, **daily}


def desk(
    basket: str | os.PathLike[str] | Spec,
    data: Market,
    as_of: str | pd.Timestamp | None = None,
    notional: float | None = None,
    *,
    holdings: str | os.PathLike[str] | None = None,
    book: str | os.PathLike[str] | BookSpec | None = None,
    daily: bool = False,
    lot: int = 1,
    told: Told = lambda stage: None,
) -> Desk:
    """Trade list of a session (by default the last), and the daily sheet.

    notional: USD; by default what the shares of a file are worth, 25 m without. holdings: a CSV of what is held.
    book: a file of kind book. told: is told each stage.
    Raises `ConfigError` for a bad request, `InfeasibleError` where the rules cannot hold on the day, `DataError` for
    missing data.
    """
    if notional is not None:
        demand_size(notional)
    chosen = read_spec(basket)
    session = data.session(as_of)
    if daily and session == data.sessions[0]:
        raise DataError(f"{session:%Y-%m-%d} is the first session of the data: there is no session before it")
    if holdings is not None:
        read_holdings(holdings, set(data.tickers))
    long: Basket | None = None
    if book is not None:
        told("building the long book")
        long = _book(book, data, session)
    exclude: Basket | tuple[str, ...] = () if long is None else long
    sheet = None
    held: str | os.PathLike[str] | pd.Series | None = holdings
    built: Basket | None = None
    if daily:
        told("building the basket to the day")
        built = build(chosen, data, end=session, exclude=exclude, book=long)
        told("comparing with yesterday")
        ratios, in_force = _ratios(long, built, data, session)
        sheet = daily_sheet(
            chosen, data, session, notional, holdings=holdings, built=built, ratios=ratios, held_ratio=in_force
        )
        if holdings is None and built is not None:
            held = _own_shares(built, data, session, DEFAULT_NOTIONAL if notional is None else notional)
    told("deciding the trades")
    if holdings is None and notional is None:
        notional = DEFAULT_NOTIONAL
    found = trade_list(chosen, data, session, notional, holdings=held, exclude=exclude, book=long, lot=lot)
    notes = list(found.notes)
    if built is not None and holdings is None and session in built.rebalances:
        notes.append("the schedule renews the basket at this session's close: the orders start from what it buys there")
    if long is None and isinstance(chosen, BasketSpec):
        notes.append(NO_BOOK)
    found = replace(found, notes=tuple(notes))
    rule = chosen.schedule
    coming = next_rebalance(
        session,
        rule.signal_lag,
        frequency=rule.frequency,
        months=rule.months,
        day=rule.day,
        offset=rule.offset,
        dates=[day.isoformat() for day in rule.dates],
    )
    return Desk(found, sheet, coming)


def _book(book: str | os.PathLike[str] | BookSpec, data: Market, session: pd.Timestamp) -> Basket:
    """The long book as decided on what `session` knows: what it decides today and buys `signal_lag` later counts."""
    spec = read_spec(book)
    if not isinstance(spec, BookSpec):
        raise ConfigError(f"{book}: expected a book, found kind {spec.kind}")
    as_written = isinstance(spec.source, FixedList | Positions)
    ahead = 0 if as_written else spec.schedule.signal_lag
    at = int(data.sessions.searchsorted(session)) + ahead
    return build(spec, data, end=data.sessions[min(at, len(data.sessions) - 1)])


def _ratios(
    long: Basket | None, built: Basket | None, data: Market, session: pd.Timestamp
) -> tuple[pd.Series | None, float]:
    """Ratio by the default rules of a run on the session and the one before, and the ratio those rules hold."""
    nothing = None, float("nan")
    if long is None or built is None:
        return nothing
    rules = Hedge()
    sleeve = built.returns.loc[:session]
    returns = long.returns.loc[:session]
    both = sleeve.index.intersection(returns.index)
    if len(both) <= rules.min_sessions + 1:
        return nothing
    fresh = hedge.walk_forward(
        rules.estimator, returns, sleeve, window=rules.window, dates=both[-2:], band=0.0, bounds=rules.bounds,
        min_sessions=rules.min_sessions,
    )  # fmt: skip
    checks = check_sessions(rules.check, data.sessions[data.sessions <= session])
    checks = checks.union(built.rebalances)
    checks = checks[checks >= both[rules.min_sessions]]
    path = walk(rules, rules.estimator, returns, sleeve, checks[checks < session])
    in_force = float(path["target"].iloc[-1]) if len(path) else float("nan")
    return fresh["target"], in_force


def _own_shares(built: Basket, data: Market, session: pd.Timestamp, notional: float) -> pd.Series:
    """Shares of the basket's own names at the notional, negative where a basket is shorted."""
    weights = built.held_on(session)
    close = pd.Series(data.as_of(session).close(), index=data.tickers).reindex(weights.index)
    sign = -1.0 if isinstance(built.spec, BasketSpec) else 1.0
    shares = np.round(sign * weights * notional / close)
    return shares[np.isfinite(shares) & (shares != 0)]
