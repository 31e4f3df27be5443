"""vectorbt behind one door: the event driver whose orders vectorbt executes.

1. Walk the sessions with a handful of numbers per sleeve; prices of single names are read only at events.
2. Into each session: dividends, borrow, rebate and interest on yesterday's positions and marks, booked to cash.
3. At an event: sizes after costs (`sizes.size`), then every order is filled by vectorbt's own `buy_nb` or `sell_nb`.
   (`execute_order_nb` checks its arguments and calls them; sizes are finite by then, and a fill that is not as sized
   stops the run. Without those checks an order takes 20 ns in place of 45, for the same bits.)
4. vectorbt clips buys to cash, so the orders of an event are handed a credit line that is taken off again: a margin
   debit is then what it is, a negative cash balance.
5. NAV at or below zero ends the account at that close: ruined.

The driver holds positions in carried shares (see `tape`), needs no pandas and releases the GIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.simulate.codes import (
    ENDED,
    FINE,
    N_TOTALS,
    NEEDS_POSITIONS,
    NEEDS_ROOM,
    NOT_FINITE,
    REFUSED,
    RETARGET,
    RUINED,
    SHORTFALL,
    TRADED,
    TRADING,
)
from backtest.simulate.jit import compiled, library_cache
from backtest.simulate.kernel import hold, required, unit_series
from backtest.simulate.sizes import due, gather, size

with library_cache():
    import vectorbt as vbt
    from vectorbt.portfolio.enums import Direction, ExecuteOrderState, OrderStatus, order_dt
    from vectorbt.portfolio.nb import buy_nb, fill_order_record_nb, sell_nb

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.simulate import driven
    from backtest.simulate.tape import Flags

__all__ = [
    "FINE",
    "NEEDS_POSITIONS",
    "NEEDS_ROOM",
    "NOT_FINITE",
    "N_TOTALS",
    "REFUSED",
    "order_buffer",
    "run_account",
    "unit_series",
    "vbt",
]

# One convention for every metric: bars are days, and a year has as many as the NYSE trades on average.
vbt.settings.returns["year_freq"] = "252 days"
vbt.settings.array_wrapper["freq"] = "1D"
vbt.settings.plotting["use_widgets"] = False

BOTH: Final = Direction.Both
FILLED: Final = OrderStatus.Filled


def order_buffer(size: int) -> np.ndarray:
    """Room for `size` vectorbt order records."""
    return np.empty(size, dtype=order_dt)


@compiled
def execute(t, cash, first_column, sign, lo, hi, scratch, position, debt, keep, orders, n_orders):  # type: ignore[no-untyped-def]
    """Send a sleeve's orders through vectorbt. Returns (cash, fees, dollars traded, value held, n_orders, filled)."""
    _, who, _, p, q, _, move, rate, _, _, _ = scratch
    fees, traded, worth = 0.0, 0.0, 0.0
    for k in range(lo, hi):
        i = who[k]
        if move[k] != 0.0:
            state = ExecuteOrderState(cash=cash, position=sign * q[k], debt=debt[i], free_cash=cash)
            if sign * move[k] > 0.0:
                filled, result = buy_nb(state, abs(move[k]), p[k], BOTH, rate[k])
            else:
                filled, result = sell_nb(state, abs(move[k]), p[k], BOTH, rate[k])
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


@compiled
def run_account(
    market: driven.Market,
    sleeves: driven.Sleeves,
    rows: driven.Rows,
    series: driven.Series,
    policy: driven.Policy,
    busy: Flags,
    terms: driven.Terms,
    costs: driven.Costs,
    limits: driven.Limits,
    margin: driven.Margin,
    initial_nav: float,
    proportional: bool,
    detail: bool,
    orders: np.ndarray,
    out: tuple[Floats, ...],
    totals: Floats,
) -> tuple[int, int, int, int]:
    """One account, session by session. Returns (status, n_orders, ruined session or -1, offending session).

    market    price, dividend, owed (n_sessions, n_assets) floats; tradable uint8: 0 no, 1 yes, 2 at its terminal price
    sleeves   sign, role (n_sleeves,), bounds (n_sleeves + 1,) into the joined event arrays session, kind, total,
              starts, names, units; funded sleeves stand before ratio sleeves
    rows      tradable, price, cost rate of growing and of shrinking, impact of each entry of `names` at its own event
    series    value, owed, dividend of one unit of each shape, (n_sessions, n_sleeves); read when `proportional`
    policy    ratio (n_sessions, n_sleeves; NaN holds), refresh (n_sessions, n_sleeves) bool, exposure (n_sessions,)
    busy      (n_sessions,) bool: sessions with an event, a new ratio or a refresh
    terms     credit, debit (n_sessions,), rebate (n_sessions, n_sleeves), reset, borrows (n_sleeves,) bool
    costs     buy, sell, impact (n_sessions, n_assets): rate per dollar, and per dollar times root of dollars
    limits    trade, short (n_sessions, n_assets) USD, work_sessions, whether any binds
    margin    maintenance long and short, initial long and short (n_sessions, n_assets) per dollar, whether enforced
    orders    vectorbt order records, column = sleeve * n_assets + asset, index = session, in carried shares
    out       nav, cash, interest, margin, traded, required, called (n_sessions,); value, gain, trading, dividends,
              borrow, rebate, held (n_sessions, n_sleeves): filled in place, zero before; without `detail` nav only, and
              no orders are kept
    totals    (codes.N_TOTALS, n_sleeves) sums over the sessions
    """
    sign, role, bounds, sessions, kind, total, starts, names, units = sleeves
    o_nav, o_cash, _, _, o_traded, o_required, o_called = out[:7]
    o_value, _, o_trading, _, _, _, o_held = out[7:]
    price = market[0]
    n_assets = price.shape[1]
    n_sleeves = len(sign)
    position = np.zeros((n_sleeves, n_assets))
    debt = np.zeros((n_sleeves, n_assets))
    aim = np.zeros((n_sleeves, n_assets))  # targets of a sleeve still being worked
    current = np.full(n_sleeves, -1)
    scale, value, financed, held = np.zeros(n_sleeves), np.zeros(n_sleeves), np.zeros(n_sleeves), np.zeros(n_sleeves)
    left = np.zeros(n_sleeves, dtype=np.int64)
    call = np.zeros(1, dtype=np.int64)
    state = (current, scale, value, financed, held, left, call)
    todo = np.zeros(n_sleeves, dtype=np.int64)
    plan = (bounds[:-1].copy(), todo, np.zeros(n_sleeves, dtype=np.int64))
    listed = (sign, starts, names)
    room = 0
    for s in range(n_sleeves):
        widest = 0
        for e in range(bounds[s], bounds[s + 1]):
            widest = max(widest, starts[e + 1] - starts[e])
        room += widest
    at = np.zeros(n_sleeves + 1, dtype=np.int64)
    who, may = np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64)
    p, q, u, move = np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room)
    rate, grow, shrink, bend = np.zeros(room), np.zeros(room), np.zeros(room), np.zeros(room)
    scratch = (at, who, may, p, q, u, move, rate, grow, shrink, bend)
    cash, nav, n_orders, t = initial_nav, initial_nav, 0, 0
    while True:
        t, nav, cash, status = hold(
            t,
            nav,
            cash,
            busy,
            market,
            listed,
            series,
            terms,
            margin,
            state,
            position,
            proportional,
            detail,
            out,
            totals,
        )
        if status == ENDED:
            return FINE, n_orders, -1, -1
        if status == NOT_FINITE:
            return status, n_orders, -1, t
        if status == RUINED:
            o_nav[t:] = nav
            o_cash[t:] = nav
            return FINE, n_orders, t, -1
        due(t, role, bounds, sessions, kind, policy, limits[2], state, plan)
        gather(t, market, listed, sessions, units, costs, rows, plan, current, position, aim, scratch)
        status = size(
            t,
            nav,
            policy,
            listed,
            role,
            total,
            market,
            limits,
            margin,
            plan,
            state,
            position,
            aim,
            proportional,
            scratch,
        )
        if status != FINE:
            return status, n_orders, -1, t
        if detail and n_orders + at[n_sleeves] > len(orders):
            return NEEDS_ROOM, n_orders, -1, t
        line = max(0.0, -cash)
        for k in range(at[n_sleeves]):
            line += 2.0 * abs(move[k]) * p[k] * (1.0 + rate[k])
        cash += line
        for s in range(n_sleeves):
            if todo[s] == 0:
                continue
            if todo[s] == RETARGET and limits[3]:
                for k in range(at[s], at[s + 1]):
                    aim[s, who[k]] = scale[s] * u[k] if may[k] != 0 else q[k]
            cash, fees, traded, value[s], n_orders, filled = execute(
                t,
                cash,
                s * n_assets,
                sign[s],
                at[s],
                at[s + 1],
                scratch,
                position[s],
                debt[s],
                detail,
                orders,
                n_orders,
            )
            if not filled:
                return REFUSED, n_orders, -1, t
            totals[TRADING, s] -= fees
            totals[TRADED, s] += traded
            if detail:
                o_trading[t, s] = 0.0 - fees
                o_traded[t] += traded
            financed[s] = value[s]
        cash -= line
        nav = cash
        for s in range(n_sleeves):
            nav += sign[s] * value[s]
        if nav <= 0.0:
            o_nav[t:] = nav
            o_cash[t:] = nav
            return FINE, n_orders, t, -1
        o_nav[t] = nav
        if detail:
            o_cash[t] = cash
            for s in range(n_sleeves):
                o_value[t, s] = sign[s] * value[s]
                o_held[t, s] = held[s]
        if margin[4]:
            o_required[t] = required(t, price, sign, starts, names, current, position, margin[0], margin[1])
            call[0] = nav < o_required[t] * (1.0 - SHORTFALL)
            o_called[t] = call[0]
        t += 1
