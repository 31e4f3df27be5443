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

from backtest.dated_values import BPS, HIGHEST_BPS, by_session, laid_out, read_values, usual
from backtest.rivals import last_price
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
    kept = by_session(spec.cash.short_proceeds_spread_bps, usual(spec.cash, "short_proceeds_spread_bps"), sessions)
    earned = rate - (kept if isinstance(kept, float) else kept[:, 0])
    return (pd.Series(fees).reindex(sessions).ffill() - earned).rename("carry")


def fee_known(spec: RunSpec, fee: Floats, session: pd.Timestamp, tickers: pd.Index, known: Collection[str]) -> Floats:
    """The borrow fee of the spec at a session, (n_tickers,); `fee` is the table's or the tier's, where that counts."""
    if isinstance(spec.borrow.fee, Ref):
        given = _given(spec.borrow.fee, session, tickers, known, high=5.0)
        return np.where(np.isnan(given), fee, given)
    return fee if spec.borrow.fee == "table" else np.full(len(tickers), float(spec.borrow.fee))


def _given(file: Ref, session: pd.Timestamp, tickers: pd.Index, known: Collection[str], high: float) -> Floats:
    """What the file says of these names at a session, (n_tickers,); NaN where nothing."""
    rows = [row for row in read_values(file.target, known, low=0.0, high=high) if row[1] in ("", *tickers)]
    return laid_out(rows, pd.DatetimeIndex([session]), tickers)[0]


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
    from basket.trading_cost import half_spread as spread_by_size

    costs, session = legs.spec.costs, legs.short.rebalances[-1]
    weights, everyone = legs.short.weights.iloc[-1], set(legs.data.tickers)

    def average(cost: Floats) -> float:
        known = np.isfinite(cost) & (weights.to_numpy() != 0)
        return float(np.average(cost[known], weights=weights.to_numpy()[known]))

    commission, half_spread = costs.commission_bps, costs.half_spread
    if isinstance(commission, Ref):
        told = _given(commission, session, weights.index, everyone, HIGHEST_BPS)
        commission = average(np.where(np.isnan(told), usual(costs, "commission_bps"), told))
    if isinstance(half_spread, Ref | str):
        view = legs.data.as_of(session)
        spread = spread_by_size(view.market_cap())[view.tickers.get_indexer(weights.index)]
        if isinstance(half_spread, Ref):
            told = _given(half_spread, session, weights.index, everyone, HIGHEST_BPS)
            spread = np.where(np.isnan(told), spread, told * BPS)
        half_spread = average(spread) / BPS
    return commission + half_spread
