"""From a run's spec and a market to the numbers an account is kept by: costs, borrow fees, financing, delistings.

1. Size and short-interest tiers are looked up on the first session of each month, from that session's view, and hold
   until the next: they depend on nothing later.
2. Dated borrow fees of the `borrow` table replace the tier within 20 sessions of their date. A fee is a cost that is
   booked, not a signal that is acted on, so the 20 sessions run both ways.
3. Funds (index shorts) have one fee and one half-spread of their own.
4. The benchmark rate is the one published for each session; it accrues over the nights that follow.
5. A name ends in the account when it ends in the index level: on the session after its recorded last close, or after as
   many sessions without a price as the level waits.

Shapes are (n_sessions, n_assets) over the panel of the account; rates are decimals a year, costs decimals per side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.carry import Financing
from backtest.costs import Costs
from backtest.simulate.tape import Delistings
from basket.prices import NO_RECORD, STOPPED_AFTER, prices_of
from basket.trading_cost import half_spread as spread_by_size
from market.borrow import tier_fee
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.spec import RunSpec
    from market import Market, PricePanel

BPS = 1e-4
VOLATILITY_SESSIONS = 63  # of the square-root law: one quarter
MAX_HALT_SESSIONS = STOPPED_AFTER - 1  # as the index level: closed out on the session after


@dataclass(frozen=True)
class Terms:
    """What every account of a run shares.

    borrow_fee  (n_sessions, n_assets), decimal a year
    """

    costs: Costs
    financing: Financing
    borrow_fee: Floats
    delistings: Delistings


def terms(spec: RunSpec, data: Market, panel: PricePanel) -> Terms:
    """The terms of `spec` on `panel`, a slice of sessions of `data` with all its tickers.

    Raises `DataError` where the benchmark rate is unknown on a session of the run.
    """
    sessions = panel.sessions
    stocks = (data.securities["type"] == "stock").reindex(panel.tickers, fill_value=False).to_numpy(dtype=bool)
    monthly = _monthly(sessions)
    views = [data.as_of(sessions[t]) for t in monthly]
    caps = _held([view.market_cap() for view in views], monthly, len(sessions))

    if spec.costs.half_spread == "tiers":
        half_spread = np.where(stocks, spread_by_size(caps), spec.costs.fund_bps * BPS)
    else:
        half_spread = np.where(stocks, spec.costs.half_spread * BPS, spec.costs.fund_bps * BPS) * np.ones_like(caps)
    commission = np.where(stocks, spec.costs.commission_bps * BPS, 0.0)
    impact = spec.costs.impact_coefficient
    costs = Costs(half_spread=half_spread, commission=commission)
    if impact > 0:
        adv = _held([view.dollar_volume(VOLATILITY_SESSIONS) for view in views], monthly, len(sessions))
        sigma = _held([_volatility(view.returns(VOLATILITY_SESSIONS)) for view in views], monthly, len(sessions))
        costs = Costs(half_spread=half_spread, commission=commission, impact=impact, volatility=sigma, adv_usd=adv)

    return Terms(
        costs=costs,
        financing=_financing(spec, data, sessions),
        borrow_fee=_borrow_fee(spec, data, panel, stocks, caps, monthly),
        delistings=_delistings(data, panel),
    )


def _borrow_fee(
    spec: RunSpec, data: Market, panel: PricePanel, stocks: np.ndarray, caps: Floats, monthly: list[int]
) -> Floats:
    if spec.borrow.fee == "table":
        views = [data.as_of(panel.sessions[t]) for t in monthly]
        shorted = _held([view.short_interest("short_percent_of_float") / 100.0 for view in views], monthly, len(caps))
        close = _held([view.close() for view in views], monthly, len(caps))
        fee = tier_fee(caps, shorted, close)
        if data.borrow is not None:
            first = int(data.sessions.searchsorted(panel.sessions[0]))
            dated = data.borrow.booked(len(data.sessions), len(panel.tickers))[first : first + len(caps)]
            fee = np.where(np.isnan(dated), fee, dated)
    else:
        fee = np.full(caps.shape, float(spec.borrow.fee))
    fee = np.where(stocks, fee, spec.borrow.fund_fee_bps * BPS)
    return np.ascontiguousarray(fee * spec.borrow.multiplier)


def _financing(spec: RunSpec, data: Market, sessions: pd.DatetimeIndex) -> Financing:
    rate = data.rates(spec.cash.benchmark).reindex(sessions)
    if rate.isna().any():
        missing = sessions[rate.isna().to_numpy()]
        raise DataError(
            f"rates: {spec.cash.benchmark} is unknown on {len(missing)} sessions of the run, the first "
            f"{missing[0].date()}; import rates, or shorten the span"
        )
    return Financing(
        benchmark=rate.to_numpy(dtype=np.float64),
        rebate_spread=spec.cash.short_proceeds_spread_bps * BPS,
        debit_spread=spec.cash.debit_spread_bps * BPS,
    )


def _delistings(data: Market, panel: PricePanel) -> Delistings:
    """Names that ended, as the index level ended them: last session traded, and what holders got after it."""
    last = np.full(len(panel.tickers), np.datetime64("NaT"), dtype="datetime64[ns]")
    after = np.zeros(len(panel.tickers))
    for column, endings in prices_of(data).endings.items():
        end = endings[0]
        if end.reason != NO_RECORD and panel.sessions[0] < data.sessions[end.session] <= panel.sessions[-1]:
            at = panel.column(str(data.tickers[column]))
            last[at] = data.sessions[end.session - 1].to_datetime64()
            after[at] = end.delisting_return
    return Delistings(last, after)


def _monthly(sessions: pd.DatetimeIndex) -> list[int]:
    """Positions of the first session and of the first session of each later month."""
    months = sessions.year * 12 + sessions.month
    return [0, *(t for t in range(1, len(sessions)) if months[t] != months[t - 1])]


def _held(vectors: list[np.ndarray], rows: list[int], n_sessions: int) -> Floats:
    """Vectors known at `rows`, held until the next: (n_sessions, n_assets)."""
    lengths = np.diff([*rows, n_sessions])
    return np.repeat(np.asarray(vectors, dtype=np.float64), lengths, axis=0)


def _volatility(returns: Floats) -> Floats:
    enough = (~np.isnan(returns)).sum(axis=0) * 2 >= len(returns)
    sigma = np.full(returns.shape[1], np.nan)
    sigma[enough] = np.nanstd(returns[:, enough], axis=0, ddof=1)
    return sigma
