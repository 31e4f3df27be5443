"""What estimators may ask for beyond book and basket: the market, factors, further instruments, the cost of the short.

1. The market and the instruments are total returns of funds; factors are those of the store's `factors` table.
2. The carry of a session is what a dollar short would have cost a year as known at its close: the basket's borrow fee
   at its last rebalance, less the benchmark rate of the day after the prime broker's spread.
3. A series asked for and not there is left out: the estimator then says what it lacks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.dated_values import laid_out, read_values
from backtest.rivals import last_price
from backtest.terms import BPS
from market.errors import DataError
from screens.loading import Ref

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.legs import Legs
    from backtest.spec import RunSpec
    from market import Market

FACTOR_NAMES = ("Mkt-RF", "SMB", "HML", "RMW", "Mom")
RISK_AVERSION = 5.0  # relative, of `mean_variance` where nobody says: the middle of what surveys find (2 to 10)


def factor_returns(data: Market, names: tuple[str, ...] = FACTOR_NAMES) -> pd.DataFrame:
    """Daily factor returns, decimal, the named columns that the store has. Raises `DataError` where it has none."""
    if not data.has("factors"):
        raise DataError("the data hold no factor returns")
    long = data.table("factors")
    wide = long.pivot(index="date", columns="name", values="value").astype(float)
    return wide[[name for name in names if name in wide]]


def carry_annual(legs: Legs) -> pd.Series:
    """Cost a year of a dollar short of the basket beside its own return, decimal, by session; negative earns."""
    fees = {}
    spec = legs.spec
    for session in legs.short.rebalances[legs.short.rebalances <= legs.sessions[-1]]:
        view = legs.data.as_of(session)
        weights = legs.short.weights.loc[session]
        fee = view.borrow_fee()[view.tickers.get_indexer(weights.index)]
        told = fee_known(spec, fee, session, weights.index, set(legs.data.tickers))
        known = np.isfinite(told) & (weights.to_numpy() != 0)
        fees[session] = float(np.average(told[known], weights=weights.to_numpy()[known])) * spec.borrow.multiplier
    sessions = legs.short.sessions
    rate = legs.data.rates(spec.cash.benchmark).reindex(sessions)
    earned = rate - spec.cash.short_proceeds_spread_bps * BPS
    return (pd.Series(fees).reindex(sessions).ffill() - earned).rename("carry")


def fee_known(spec: RunSpec, fee: Floats, session: pd.Timestamp, tickers: pd.Index, known: Collection[str]) -> Floats:
    """The borrow fee of the spec at a session, (n_tickers,); `fee` is the table's or the tier's, where that counts."""
    if isinstance(spec.borrow.fee, Ref):
        rows = [
            row for row in read_values(spec.borrow.fee.target, known, low=0.0, high=5.0) if row[1] in ("", *tickers)
        ]
        given = laid_out(rows, pd.DatetimeIndex([session]), tickers)[0]
        return np.where(np.isnan(given), fee, given)
    return fee if spec.borrow.fee == "table" else np.full(len(tickers), float(spec.borrow.fee))


def own_parameters(legs: Legs) -> dict[str, dict[str, object]]:
    """Keywords by estimator for a comparison on a run: those of its spec, and the carry its data know."""
    found: dict[str, dict[str, object]] = {"mean_variance": {"gamma": RISK_AVERSION, "carry": carry_annual(legs)}}
    rules = legs.spec.hedge
    found[rules.estimator] = {**found.get(rules.estimator, {}), **rules.params}
    return found


def instruments(legs: Legs) -> pd.DataFrame | None:
    """Returns of the run's benchmarks, what may be shorted beside the basket; None without any.

    A fund whose prices end before the run does is left out: nothing can be short of it on the days after.
    """
    traded = [ticker for ticker in legs.spec.benchmarks if last_price(legs, ticker) == legs.sessions[-1]]
    funds = {ticker: legs.index_returns(ticker) for ticker in traded}
    return pd.DataFrame(funds) if funds else None


def cost_of_change_bps(legs: Legs) -> float:
    """One-way cost of trading the basket at its last rebalance, bps: half-spread and commission."""
    from basket.trading_cost import half_spread

    costs, view = legs.spec.costs, legs.data.as_of(legs.short.rebalances[-1])
    if not isinstance(costs.half_spread, Ref | str):
        return costs.commission_bps + costs.half_spread
    weights = legs.short.weights.iloc[-1]
    spread = half_spread(view.market_cap())[view.tickers.get_indexer(weights.index)]
    if isinstance(costs.half_spread, Ref):
        own = read_values(costs.half_spread.target, set(legs.data.tickers), low=0.0, high=1e4)
        own = [row for row in own if row[1] in ("", *weights.index)]
        given = laid_out(own, legs.short.rebalances[-1:], weights.index)[0] * BPS
        spread = np.where(np.isnan(given), spread, given)
    known = np.isfinite(spread) & (weights.to_numpy() != 0)
    return costs.commission_bps + float(np.average(spread[known], weights=weights.to_numpy()[known])) / BPS
