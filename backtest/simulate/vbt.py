"""vectorbt behind one door: the event driver whose orders vectorbt executes.

1. Walk the sessions with a handful of numbers per sleeve; prices of single names are read only at events.
2. Into each session: dividends, borrow, rebate and interest on yesterday's positions and marks, booked to cash.
3. At an event: sizes after costs (`kernel.size`), then every order goes through vectorbt's own `execute_order_nb`.
4. vectorbt clips buys to cash, so the orders of an event are handed a credit line that is taken off again: a margin
   debit is then what it is, a negative cash balance.
5. NAV at or below zero ends the account at that close: ruined.

The driver holds positions in carried shares (see `tape`), needs no pandas and releases the GIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import numpy as np

from backtest.simulate import jit

jit.library_cache()

import vectorbt as vbt  # noqa: E402  (after the cache directory is settled)
from numba import njit  # noqa: E402
from vectorbt.portfolio.enums import Direction, OrderStatus, ProcessOrderState, SizeType, order_dt  # noqa: E402
from vectorbt.portfolio.nb import execute_order_nb, fill_order_record_nb, order_nb  # noqa: E402

from backtest.simulate.kernel import (  # noqa: E402
    FINE,
    NEEDS_POSITIONS,
    NEEDS_ROOM,
    NOT_FINITE,
    REFUSED,
    RETARGET,
    due,
    gather,
    nights,
    size,
    unit_series,
)

__all__ = [
    "FINE",
    "NEEDS_POSITIONS",
    "NEEDS_ROOM",
    "NOT_FINITE",
    "REFUSED",
    "order_buffer",
    "run_account",
    "unit_series",
    "vbt",
]

if TYPE_CHECKING:
    from collections.abc import Callable

jit.engine_cache()

# One convention for every metric: bars are days, and a year has as many as the NYSE trades on average.
vbt.settings.returns["year_freq"] = "252 days"
vbt.settings.array_wrapper["freq"] = "1D"
vbt.settings.plotting["use_widgets"] = False

AMOUNT: Final = SizeType.Amount
BOTH: Final = Direction.Both
FILLED: Final = OrderStatus.Filled


def order_buffer(size: int) -> np.ndarray:
    """Room for `size` vectorbt order records."""
    return np.empty(size, dtype=order_dt)


@njit(nogil=True, cache=True, error_model="numpy")
def execute(t, nav, cash, first_column, sign, at, who, p, q, move, rate, position, debt, keep, orders, n_orders):  # type: ignore[no-untyped-def]
    """Send a sleeve's orders through vectorbt. Returns (cash, fees, dollars traded, value held, n_orders, filled)."""
    fees, traded, worth = 0.0, 0.0, 0.0
    lo, hi = at
    for k in range(lo, hi):
        i = who[k]
        if move[k] != 0.0:
            order = order_nb(size=sign * move[k], price=p[k], size_type=AMOUNT, direction=BOTH, fees=rate[k])
            state = ProcessOrderState(
                cash=cash, position=sign * q[k], debt=debt[i], free_cash=cash, val_price=p[k], value=nav, oidx=0, lidx=0
            )
            filled, result = execute_order_nb(state, order)
            if result.status != FILLED or abs(result.size - abs(move[k])) > 1e-9 * result.size:
                return cash, fees, traded, worth, n_orders, False
            if keep:
                fill_order_record_nb(orders[n_orders], n_orders, t, first_column + i, result)
                n_orders += 1
            cash, q[k], debt[i] = filled.cash, sign * filled.position, filled.debt
            position[i] = q[k]
            fees += result.fees
            traded += result.size * result.price
        worth += q[k] * p[k]
    return cash, fees, traded, worth, n_orders, True


@njit(nogil=True, cache=True, error_model="numpy")
def _run_account(  # type: ignore[no-untyped-def]
    market, sleeves, series, policy, terms, costs, limits, initial_nav, proportional, keep_orders, orders, out
):
    """One account, session by session. Returns (status, n_orders, ruined session or -1, offending session).

    market    price, dividend, owed (n_sessions, n_assets) floats; tradable uint8: 0 no, 1 yes, 2 at its terminal price
    sleeves   sign, role (n_sleeves,), bounds (n_sleeves + 1,) into the joined event arrays session, kind, total,
              starts, names, units; funded sleeves stand before ratio sleeves
    series    value, owed, dividend of one unit of each shape, (n_sessions, n_sleeves); read when `proportional`
    policy    ratio (n_sessions, n_sleeves; NaN holds), refresh (n_sessions, n_sleeves) bool, exposure (n_sessions,)
    terms     credit, debit (n_sessions,), rebate (n_sessions, n_sleeves), reset, borrows (n_sleeves,) bool
    costs     buy, sell, impact (n_sessions, n_assets): rate per dollar, and per dollar times root of dollars
    limits    trade, short (n_sessions, n_assets) USD, work_sessions, whether any binds
    orders    vectorbt order records, column = sleeve * n_assets + asset, index = session, in carried shares; kept when
              `keep_orders`, else they are executed only
    out       nav, cash, interest, margin, traded (n_sessions,); value, gain, trading, dividends, borrow, rebate, held
              (n_sessions, n_sleeves): filled in place, zero before
    """
    sign, role, bounds, sessions, kind, total, starts, names, units = sleeves
    ratio, refresh, exposure = policy
    o_nav, o_cash, o_interest, o_margin, o_traded = out[:5]
    o_value, o_gain, o_trading, o_dividends, o_borrow, o_rebate, o_held = out[5:]
    accrued = (o_interest, o_margin, o_gain, o_dividends, o_borrow, o_rebate)
    n_sessions, n_assets = market[0].shape
    n_sleeves = len(sign)
    position = np.zeros((n_sleeves, n_assets))
    debt = np.zeros((n_sleeves, n_assets))
    aim = np.zeros((n_sleeves, n_assets))  # targets of a sleeve still being worked
    scale, value, financed = np.zeros(n_sleeves), np.zeros(n_sleeves), np.zeros(n_sleeves)
    held = np.zeros(n_sleeves)
    current = np.full(n_sleeves, -1)
    state = (current, scale, value, financed)
    todo = np.zeros(n_sleeves, dtype=np.int64)
    plan = (bounds[:-1].copy(), todo, np.zeros(n_sleeves, dtype=np.int64), np.zeros(n_sleeves, dtype=np.int64))
    listed = (sign, starts, names)
    room = 0
    for s in range(n_sleeves):
        widest = 0
        for e in range(bounds[s], bounds[s + 1]):
            widest = max(widest, starts[e + 1] - starts[e])
        room += widest
    at = np.zeros(n_sleeves + 1, dtype=np.int64)
    who, may = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    p, q, move, rate = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    scratch = (at, who, may, p, q, np.empty(room), move, rate, np.empty(room), np.empty(room), np.empty(room))
    cash = initial_nav
    nav = initial_nav
    n_orders = 0
    ruined = -1
    for t in range(n_sessions):
        if ruined >= 0:
            o_nav[t] = nav
            o_cash[t] = nav
            continue
        if t > 0:
            cash += nights(t, nav, market, listed, series, terms, state, position, proportional, accrued)
            nav = cash + (sign * value).sum()
            if not np.isfinite(nav):
                return NOT_FINITE, n_orders, ruined, t
            if nav <= 0.0:
                ruined = t
                o_nav[t] = nav
                o_cash[t] = nav
                continue
        if due(t, role, bounds, sessions, kind, ratio, refresh, limits[2], current, held, plan):
            gather(t, market, listed, units, costs, plan, current, position, aim, scratch)
            status = size(t, nav, exposure, sign, role, total, held, limits, plan, state, aim, proportional, scratch)
            if status != FINE:
                return status, n_orders, ruined, t
            if keep_orders and n_orders + at[n_sleeves] > len(orders):
                return NEEDS_ROOM, n_orders, ruined, t
            line = max(0.0, -cash)
            for k in range(at[n_sleeves]):
                line += 2.0 * abs(move[k]) * p[k] * (1.0 + rate[k])
            cash += line
            for s in range(n_sleeves):
                if todo[s] == 0:
                    continue
                if limits[3] and todo[s] == RETARGET:
                    for k in range(at[s], at[s + 1]):
                        aim[s, who[k]] = scale[s] * scratch[5][k] if may[k] != 0 else q[k]
                cash, fees, traded, value[s], n_orders, filled = execute(
                    t, nav, cash, s * n_assets, sign[s], (at[s], at[s + 1]), who, p, q, move, rate,
                    position[s], debt[s], keep_orders, orders, n_orders,
                )  # fmt: skip
                if not filled:
                    return REFUSED, n_orders, ruined, t
                o_trading[t, s] = 0.0 - fees
                o_traded[t] += traded
                financed[s] = value[s]
            cash -= line
            nav = cash + (sign * value).sum()
        o_nav[t] = nav
        o_cash[t] = cash
        for s in range(n_sleeves):
            o_value[t, s] = sign[s] * value[s]
            o_held[t, s] = held[s]
        if nav <= 0.0:
            ruined = t
    return FINE, n_orders, ruined, -1


run_account = cast("Callable[..., tuple[int, int, int, int]]", _run_account)  # numba's own type hides the signature
