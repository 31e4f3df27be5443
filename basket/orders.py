"""The trade list of a day: what to sell or buy, how many shares, how long it takes, what it costs, what to beware of.

1. `decision.decide` gives the target weights on what the as-of session knows; positions from a file are incumbents.
2. The size is the notional; without one it is what the file holds, or 25 m USD from nothing.
3. `lots` turns the target weights into whole orders from what is held. A basket is shorted (targets negative), a book
   is bought.
4. Each order gets its daily limit at the participation, its expected cost and, where it shorts, fee and availability.

The list is a recommendation at the as-of close; prices move before it is filled.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.book import Holdings, read_holdings
from basket.building import Spec, read_spec, unknown_tags_in_words
from basket.built import Basket
from basket.capacity import (
    ADV_SESSIONS,
    BPS,
    DAYS,
    PARTICIPATION,
    basket_capacity,
    capacity_summary,
    daily_volatility,
    days_to_trade,
    float_shares,
)
from basket.decision import Decision, decide
from basket.flags import flags
from basket.lots import one_side_each, side_of, target_shares
from basket.spec import BasketSpec
from basket.trades import TradeList
from basket.trading_cost import half_spread, impact
from market.errors import ConfigError, DataError

if TYPE_CHECKING:
    from market.market import Market
    from market.view import View

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COMMISSION = 0.5e-4  # of what is traded
DEFAULT_NOTIONAL = 25e6  # USD, from nothing
QUOTED_LONG = "the holdings are all positive: read as a basket quoted long, that is, as shorts"


def trade_list(
    spec: str | os.PathLike[str] | Spec,
    data: Market,
    as_of: str | pd.Timestamp | None = None,
    notional: float | None = None,
    *,
    holdings: str | os.PathLike[str] | pd.Series | None = None,
    exclude: Collection[str] | Basket = (),
    book: Basket | None = None,
    lot: int = 1,
    participation: float = PARTICIPATION,
) -> TradeList:
    """Orders that bring what is held to the target at `notional` USD (by default what is held, or 25 m from nothing).

    as_of: a session, by default the last. holdings: a CSV (`ticker, shares` or `ticker, weight`), or shares by ticker;
    shorts negative, or all positive for a basket quoted long. exclude, book: as in `basket.build`. lot: shares an order
    is a multiple of. participation: of a day's volume.

    Raises `ConfigError` for a notional that is not positive, a date that is no session (naming the next one) or a bad
    row of the holdings, `InfeasibleError` where the rules cannot hold on the day.
    """
    if notional is not None:
        demand_size(notional)
    if lot < 1:
        raise ConfigError(f"lot: {lot} is no lot size; give 1 or more shares")
    positions = _read(holdings, data)
    session = data.session(as_of)
    size = size_of(notional, positions, data, session)
    held, notes = held_shares(positions, data, session, size)
    if notional is None and positions is not None and positions.unit == "shares":
        notes.append(f"no notional was given: sized at the {size:,.0f} USD held")
    chosen = read_spec(spec)
    sign = -1.0 if isinstance(chosen, BasketSpec) else 1.0
    if sign < 0 and held.any() and (held >= 0).all():
        held = -held
        notes.append(QUOTED_LONG)
    values = sign * held * np.nan_to_num(data.as_of(session).close())
    # A long of a name is no part of a basket that is short.
    incumbents = pd.Series(values[values > 0], index=data.tickers[values > 0])
    decision = decide(chosen, data, session, held=incumbents, exclude=exclude, book=book)
    return _list(decision, held, size, sign, lot, participation, notes)


def size_of(notional: float | None, holdings: Holdings | None, data: Market, session: pd.Timestamp) -> float:
    """USD to hold: what was asked for, or what the shares of a file are worth gross at the close, or 25 m.

    Raises `DataError` where none of the shares has a price that day.
    """
    if notional is not None:
        return float(notional)
    if holdings is None or holdings.unit == "weight":
        return DEFAULT_NOTIONAL
    shares, _ = held_shares(holdings, data, session, 0.0)
    size = float(np.abs(shares * np.nan_to_num(data.as_of(session).close())).sum())
    if size == 0:
        raise DataError(f"nothing held has a price on {session:%Y-%m-%d}; give a notional to start anew")
    return size


def demand_size(notional: float) -> None:
    """Raise `ConfigError` for a notional that is not a positive number of USD."""
    if not notional > 0 or not np.isfinite(notional):
        raise ConfigError(f"notional: {notional:g} is no size; give USD above 0, such as 25e6")


def _read(holdings: str | os.PathLike[str] | pd.Series | None, data: Market) -> Holdings | None:
    if holdings is None:
        return None
    if isinstance(holdings, pd.Series):
        unknown = [str(name) for name in holdings.index if name not in data.tickers]
        if unknown:
            raise ConfigError(f"holdings: unknown ticker {', '.join(unknown)}{data.hint(unknown[0])}")
        return Holdings("shares", holdings.astype(float))
    return read_holdings(holdings, set(data.tickers))


def held_shares(
    holdings: Holdings | None, data: Market, session: pd.Timestamp, notional: float
) -> tuple[Floats, list[str]]:
    """Shares held (n_assets,) on the split basis of `session`; weights count at `notional`. And what to note."""
    out = np.zeros(len(data.tickers))
    if holdings is None:
        return out, []
    columns = data.tickers.get_indexer(holdings.amounts.index)
    close = data.as_of(session).close()[columns]
    notes = [f"{name} has no price on the day and is left alone" for name in holdings.amounts.index[np.isnan(close)]]
    amounts = holdings.amounts.to_numpy(dtype=float)
    shares = amounts if holdings.unit == "shares" else np.round(amounts * notional / close)
    out[columns] = np.where(np.isfinite(close), shares, 0.0)
    return out, notes


def _list(
    decision: Decision,
    held: Floats,
    notional: float,
    sign: float,
    lot: int,
    participation: float,
    notes: list[str],
) -> TradeList:
    view = decision.view
    columns = np.flatnonzero((decision.weights != 0) | (held != 0))
    price = view.close()[columns]
    weight = decision.weights[columns]
    target = target_shares(sign * weight * notional, held[columns], price, lot)
    wanted = columns[weight != 0]
    table = constituents_table(view, columns[weight != 0], weight[weight != 0], target[weight != 0], participation)
    table.insert(1, "rank", decision.pool.rank[wanted])
    which, before, after = one_side_each(held[columns], target)
    traded = np.round(after - before)  # nobody fills a part of a share
    capacity = basket_capacity(weight[weight != 0], view.dollar_volume(ADV_SESSIONS)[wanted], PARTICIPATION, DAYS)
    if (unknown := int(np.isnan(view.dollar_volume(ADV_SESSIONS)[wanted]).sum())) > 0:
        notes.append(f"the volume of {unknown} of {len(wanted)} names is not known: they count as not tradable")
    elif notional > capacity:
        notes.append(f"the notional is above the capacity of {capacity:,.0f} USD (five days at a tenth of the volume)")
    if (nothing := int((target[weight != 0] == 0).sum())) > 0:
        notes.append(f"{nothing} of {len(wanted)} names get no shares: less than {lot} of them at this notional")
    if decision.unknown_tags:
        notes.append(unknown_tags_in_words(decision.unknown_tags))
    told = (*notes, *(f"{event}: {text}" for event, _, text in decision.notes))
    return TradeList(
        view.session,
        decision.spec.name,
        float(notional),
        table.sort_values(["weight", "ticker"], ascending=[False, True], ignore_index=True),
        orders_table(view, columns[which], before, traded, participation),
        capacity,
        told,
        capacity_summary(view, pd.Series(decision.weights[wanted], index=view.tickers[wanted])),
    )


def constituents_table(
    view: View, columns: Ints, weight: Floats, shares: Floats, participation: float = PARTICIPATION
) -> pd.DataFrame:
    """Target positions of the names at `columns`: shares and notional signed, the rest as in `TradeList`."""
    price = view.close()[columns]
    money = shares * price
    adv = view.dollar_volume(ADV_SESSIONS)[columns]
    return pd.DataFrame(
        {
            "ticker": view.tickers[columns].astype(str),
            "weight": weight,
            "shares": shares,
            "price": price,
            "notional": money,
            "adv_share": np.abs(money) / adv,
            "days_to_trade": days_to_trade(money, adv, participation),
            "float_share": np.abs(shares) / float_shares(view)[columns],
            "borrow_fee": view.borrow_fee()[columns],
            "sector": view.sector()[columns].astype(str),
            "flags": flags(view, columns, money),
        }
    )


def orders_table(
    view: View, columns: Ints, held: Floats, traded: Floats, participation: float = PARTICIPATION
) -> pd.DataFrame:
    """Orders for signed trades in shares (n_names,), the largest first."""
    price = view.close()[columns]
    money = np.abs(traded) * price
    adv = view.dollar_volume(ADV_SESSIONS)[columns]
    after = held + traded
    cost = half_spread(view.market_cap()[columns]) + COMMISSION
    cost = cost + np.nan_to_num(impact(money, adv, daily_volatility(view)[columns]))
    shorts = after < 0
    frame = pd.DataFrame(
        {
            "ticker": view.tickers[columns].astype(str),
            "side": [side_of(before, trade) for before, trade in zip(held.tolist(), traded.tolist(), strict=True)],
            "shares": np.abs(traded),
            "price": price,
            "notional": money,
            "held": held,
            "target": after,
            "adv_share": money / adv,
            "limit_shares": np.floor(participation * adv / price),
            "days_to_trade": days_to_trade(money, adv, participation),
            "cost_bps": BPS * cost,
            "cost_usd": cost * money,
            "borrow_fee": np.where(shorts, view.borrow_fee()[columns], np.nan),
            "available_shares": np.where(shorts, view.borrow_available()[columns], np.nan),
            "flags": flags(view, columns, after * price),
        }
    )
    frame = frame[frame["shares"] != 0]
    return frame.sort_values(["notional", "ticker"], ascending=[False, True], kind="stable", ignore_index=True)
