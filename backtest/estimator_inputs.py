"""What estimators may ask for beyond book and basket: the market, factors, further instruments, the cost of the short.

1. The market and the instruments are total returns of funds; factors are those of the store's `factors` table.
2. The carry of a session is what a dollar short would have cost a year as known at its close: the basket's borrow fee
   at its last rebalance, less the benchmark rate of the day after the prime broker's spread.
3. A series asked for and not there is left out: the estimator then says what it lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.terms import BPS
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.legs import Legs
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
        told = fee if spec.borrow.fee == "table" else np.full(len(weights), float(spec.borrow.fee))
        known = np.isfinite(told) & (weights.to_numpy() != 0)
        fees[session] = float(np.average(told[known], weights=weights.to_numpy()[known])) * spec.borrow.multiplier
    sessions = legs.short.sessions
    rate = legs.data.rates(spec.cash.benchmark).reindex(sessions)
    earned = rate - spec.cash.short_proceeds_spread_bps * BPS
    return (pd.Series(fees).reindex(sessions).ffill() - earned).rename("carry")


def own_parameters(legs: Legs) -> dict[str, dict[str, object]]:
    """Keywords by estimator for a comparison on a run: those of its spec, and the carry its data know."""
    found: dict[str, dict[str, object]] = {"mean_variance": {"gamma": RISK_AVERSION, "carry": carry_annual(legs)}}
    rules = legs.spec.hedge
    found[rules.estimator] = {**found.get(rules.estimator, {}), **rules.params}
    return found


def instruments(legs: Legs) -> pd.DataFrame | None:
    """Returns of the run's benchmarks, what may be shorted beside the basket; None without any."""
    funds = {ticker: legs.index_returns(ticker) for ticker in legs.spec.benchmarks}
    return pd.DataFrame(funds) if funds else None


def cost_of_change_bps(legs: Legs) -> float:
    """One-way cost of trading the basket at its last rebalance, bps: half-spread and commission."""
    from basket.trading_cost import half_spread

    costs, view = legs.spec.costs, legs.data.as_of(legs.short.rebalances[-1])
    if costs.half_spread != "tiers":
        return costs.commission_bps + costs.half_spread
    weights = legs.short.weights.iloc[-1]
    spread = half_spread(view.market_cap())[view.tickers.get_indexer(weights.index)]
    known = np.isfinite(spread) & (weights.to_numpy() != 0)
    return costs.commission_bps + float(np.average(spread[known], weights=weights.to_numpy()[known])) / BPS
