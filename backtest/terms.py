"""From a run's spec and a market to the numbers an account is kept by: costs, borrow fees, financing, delistings.

1. Size and short-interest tiers are looked up on the first session of each month, from that session's view, and hold
   until the next: they depend on nothing later.
2. Dated borrow fees of the `borrow` table replace the tier within 20 sessions of their date. A fee is a cost that is
   booked, not a signal that is acted on, so the 20 sessions run both ways. Undated fees may grow with a rise.
3. Funds (index shorts) have one fee and one half-spread of their own.
4. The benchmark rate is the one published for each session; it accrues over the nights that follow.
5. A name ends in the account when it ends in the index level: on the session after its recorded last close, or after as
   many sessions without a price as the level waits.

What a short is held under beyond that (caps, recalls, margin, swap) comes from `short_terms`.
Shapes are (n_sessions, n_assets) over the panel of the account; rates are decimals a year, costs decimals per side.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.carry import Financing
from backtest.costs import Costs
from backtest.dated_values import BPS, HIGHEST_BPS, by_session, laid_out, read_values, usual
from backtest.short_terms import margin_of, recalls_of, short_caps, swap_of
from backtest.simulate.tape import Delistings
from basket.prices import NO_RECORD, STOPPED_AFTER, prices_of
from basket.trading_cost import half_spread as spread_by_size
from market.borrow import tier_fee
from market.errors import DataError
from screens.loading import Ref

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.carry import Swap
    from backtest.margin import Margin
    from backtest.simulate.sleeves import Recalls
    from backtest.spec import RunSpec
    from market import Market, PricePanel

VOLATILITY_SESSIONS = 63  # of the square-root law: one quarter
SQUEEZE_SESSIONS, SQUEEZE_RISE, DEAREST = 21, 0.5, 1.0  # of the fee that grows with a name's rise
MAX_HALT_SESSIONS = STOPPED_AFTER - 1  # as the index level: closed out on the session after


@dataclass(frozen=True)
class Terms:
    """What every account of a run shares.

    borrow_fee     (n_sessions, n_assets), decimal a year
    known_fee      likewise, as known at each close: without the dated fees of later sessions
    stocks         which assets are stocks, not funds; (n_assets,)
    short_cap_usd  largest short of a name by session; infinite where nothing limits
    margin         requirements, measured in every run and enforced where the spec says so
    recalls        of borrowed stock; None where lenders never call
    swap           terms of a swap on a basket, whether one is used or not
    assumed_volume names whose volume had to be assumed, where volume counts
    """

    costs: Costs
    financing: Financing
    borrow_fee: Floats
    known_fee: Floats
    stocks: np.ndarray
    delistings: Delistings
    short_cap_usd: Floats | float
    margin: Margin
    recalls: Recalls | None
    swap: Swap
    assumed_volume: frozenset[str] = frozenset()


def terms(spec: RunSpec, data: Market, panel: PricePanel) -> Terms:
    """The terms of `spec` on `panel`, a slice of sessions of `data` with all its tickers.

    Raises `DataError` where the benchmark rate is unknown on a session of the run.
    """
    sessions = panel.sessions
    stocks = (data.securities["type"] == "stock").reindex(panel.tickers, fill_value=False).to_numpy(dtype=bool)
    monthly = _monthly(sessions)
    views = [data.as_of(sessions[t]) for t in monthly]
    caps = _held([view.market_cap() for view in views], monthly, len(sessions))

    fund = spec.costs.fund_bps * BPS
    if isinstance(spec.costs.half_spread, Ref):
        own = _from_file(spec.costs.half_spread, panel, high=HIGHEST_BPS) * BPS
        half_spread = np.where(np.isnan(own), np.where(stocks, spread_by_size(caps), fund), own)
    elif spec.costs.half_spread == "tiers":
        half_spread = np.where(stocks, spread_by_size(caps), fund)
    else:
        half_spread = np.where(stocks, spec.costs.half_spread * BPS, fund) * np.ones_like(caps)
    commission = _commission(spec, panel, stocks)
    impact = spec.costs.impact_coefficient
    costs = Costs(half_spread=half_spread, commission=commission, work_sessions=spec.liquidity.work_sessions)
    share = spec.liquidity.participation
    unknown = np.zeros(len(stocks), dtype=bool)
    if impact > 0 or share is not None:
        seen = np.array([view.dollar_volume(VOLATILITY_SESSIONS) for view in views])
        moved = np.array([_volatility(view.returns(VOLATILITY_SESSIONS)) for view in views])
        adv, sigma = liquidity_of(seen, moved, np.array([view.market_cap() for view in views]), stocks)
        unknown = stocks & (np.isnan(seen) & [np.isfinite(view.close()) for view in views]).any(axis=0)
        costs = replace(
            costs,
            impact=impact,
            volatility=_held(list(sigma), monthly, len(sessions)),
            adv_usd=_held(list(adv), monthly, len(sessions)),
            participation=np.inf if share is None else share,
        )

    fees, known_fees = _borrow_fee(spec, data, panel, stocks, caps, monthly)
    by_swap = spec.implementation == "swap"
    return Terms(
        costs=costs,
        financing=_financing(spec, data, sessions),
        borrow_fee=fees,
        known_fee=known_fees,
        stocks=stocks,
        delistings=_delistings(data, panel),
        short_cap_usd=short_caps(spec, data, panel),
        margin=margin_of(spec, panel, stocks, by_swap),
        recalls=None if spec.recalls is None else recalls_of(spec.recalls, panel, known_fees, stocks),
        swap=swap_of(spec, sessions),
        assumed_volume=frozenset(panel.tickers[unknown].astype(str)),
    )


def liquidity_of(adv: Floats, volatility: Floats, caps: Floats, stocks: np.ndarray) -> tuple[Floats, Floats]:
    """Average daily volume (USD) and daily volatility without holes, each (n_dates, n_assets), for impact and limits.

    A stock whose volume nobody recorded is taken to turn over, of its market capitalisation, what the median stock of
    that date does; without a capitalisation, to trade the median volume. Funds cost `fund_bps` all in: no impact, no
    limit.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a date on which nothing is known stays NaN
        pace = np.nanmedian((adv / caps)[:, stocks], axis=1, keepdims=True)
        usual = np.nanmedian(adv[:, stocks], axis=1, keepdims=True)
        calm = np.nanmedian(volatility[:, stocks], axis=1, keepdims=True)
    filled = np.where(np.isnan(adv), np.where(np.isnan(caps), usual, pace * caps), adv)
    sigma = np.where(np.isnan(volatility), calm, volatility)
    return np.where(stocks, filled, np.inf), np.where(stocks, sigma, 0.0)


def _borrow_fee(
    spec: RunSpec, data: Market, panel: PricePanel, stocks: np.ndarray, caps: Floats, monthly: list[int]
) -> tuple[Floats, Floats]:
    """Fees as booked, and as they were known at each session: without the dated fees of later sessions."""
    asked = spec.borrow.fee
    known = None
    if asked == "table" or isinstance(asked, Ref):
        views = [data.as_of(panel.sessions[t]) for t in monthly]
        shorted = _held([view.short_interest("short_percent_of_float") / 100.0 for view in views], monthly, len(caps))
        close = _held([view.close() for view in views], monthly, len(caps))
        fee = known = _squeezed(tier_fee(caps, shorted, close), spec, data, panel)
        if data.borrow is not None:
            first = int(data.sessions.searchsorted(panel.sessions[0]))
            here = slice(first, first + len(caps))
            dated = data.borrow.booked(len(data.sessions), len(panel.tickers))[here]
            if spec.recalls is not None:
                before = data.borrow.booked(len(data.sessions), len(panel.tickers), both_sides=False)[here]
                known = np.where(np.isnan(before), fee, before)
            fee = np.where(np.isnan(dated), fee, dated)
    else:
        fee = _squeezed(np.full(caps.shape, float(asked)), spec, data, panel)
    fee = np.where(stocks, fee, _fund_fee(spec, panel, stocks))
    if isinstance(asked, Ref):
        own = _from_file(asked, panel, high=5.0)
        fee = np.where(np.isnan(own), fee, own)
        known = None
    fee = np.ascontiguousarray(fee * spec.borrow.multiplier)
    return fee, fee if known is None else known


def _squeezed(fee: Floats, spec: RunSpec, data: Market, panel: PricePanel) -> Floats:
    """Fees times exp(kappa x rise of 21 sessions / 50 %), the rise known at each close; no more than 100 % a year."""
    if spec.borrow.squeeze_kappa == 0.0:
        return fee
    carried = pd.DataFrame(data.panel(end=panel.sessions[-1]).carried_close()).ffill()
    rise = (carried / carried.shift(SQUEEZE_SESSIONS) - 1.0).fillna(0.0).to_numpy()[-len(panel.sessions) :]
    dearer = fee * np.exp(spec.borrow.squeeze_kappa * np.maximum(rise, 0.0) / SQUEEZE_RISE)
    return np.minimum(dearer, np.maximum(fee, DEAREST))


def _commission(spec: RunSpec, panel: PricePanel, stocks: np.ndarray) -> Floats:
    asked = spec.costs.commission_bps
    if not isinstance(asked, Ref):
        return np.where(stocks, asked * BPS, 0.0)
    rows = read_values(asked.target, set(panel.tickers), low=0.0, high=HIGHEST_BPS)
    own, named = (laid_out(some, panel.sessions, panel.tickers) for some in (rows, [row for row in rows if row[1]]))
    stock = np.where(np.isnan(own), usual(spec.costs, "commission_bps"), own)
    return np.where(stocks, stock, np.nan_to_num(named)) * BPS


def _fund_fee(spec: RunSpec, panel: PricePanel, stocks: np.ndarray) -> Floats | float:
    asked = spec.borrow.fund_fee_bps
    if not isinstance(asked, Ref):
        return asked * BPS
    rows = read_values(asked.target, set(panel.tickers[~stocks]), low=0.0, high=HIGHEST_BPS)
    own = laid_out(rows, panel.sessions, panel.tickers)
    return np.where(np.isnan(own), usual(spec.borrow, "fund_fee_bps"), own) * BPS


def _from_file(file: Ref, panel: PricePanel, high: float) -> Floats:
    rows = read_values(file.target, set(panel.tickers), low=0.0, high=high)
    return laid_out(rows, panel.sessions, panel.tickers)


def _financing(spec: RunSpec, data: Market, sessions: pd.DatetimeIndex) -> Financing:
    rate = data.rates(spec.cash.benchmark).reindex(sessions)
    if rate.isna().any():
        missing = sessions[rate.isna().to_numpy()]
        raise DataError(
            f"rates: {spec.cash.benchmark} is unknown on {len(missing)} sessions of the run, the first "
            f"{missing[0].date()}; import rates, or shorten the span"
        )
    cash = spec.cash
    return Financing(
        benchmark=rate.to_numpy(dtype=np.float64),
        rebate_spread=by_session(cash.short_proceeds_spread_bps, usual(cash, "short_proceeds_spread_bps"), sessions),
        debit_spread=by_session(cash.debit_spread_bps, usual(cash, "debit_spread_bps"), sessions),
        settlement=cash.settlement,
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
