"""vectorbt behind one door: the event driver, and the full daily portfolio.

1. Walk the sessions with a handful of numbers per sleeve; prices of single names are read only at events.
2. Into each session: dividends, borrow, rebate and interest on yesterday's positions and marks, booked to cash.
3. At an event: size after costs. NAV after costs A solves A = NAV - cost(trades(A)); a funded sleeve is then worth its
   weight of A, a ratio sleeve h times the funded sleeves. Costs are far below one, so the iteration contracts.
4. Every order is executed by vectorbt's own `process_order_nb`. vectorbt clips buys to cash, so the orders of an event
   are handed a credit line that is taken off again: a margin debit is then what it is, a negative cash balance.
5. NAV at or below zero ends the account at that close: ruined.

The driver holds positions in carried shares (see `tape`) and needs no pandas; it releases the GIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.simulate import jit

jit.prepare()

import vectorbt as vbt  # noqa: E402  (after the cache directory is settled)
from numba import njit  # noqa: E402
from vectorbt.portfolio.enums import Direction, OrderStatus, ProcessOrderState, SizeType, log_dt, order_dt  # noqa: E402
from vectorbt.portfolio.nb import execute_order_nb, order_nb, process_order_nb  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

    from backtest.broadcast import Floats

# One convention for every metric: bars are days, and a year has as many as the NYSE trades on average.
vbt.settings.returns["year_freq"] = "252 days"
vbt.settings.array_wrapper["freq"] = "1D"
vbt.settings.plotting["use_widgets"] = False

AMOUNT: Final = SizeType.Amount
BOTH: Final = Direction.Both
FILLED: Final = OrderStatus.Filled

FINE: Final = 0
NEEDS_ROOM: Final = 1  # the order buffer is full
NEEDS_POSITIONS: Final = 2  # a position is no longer scale x shape: follow every name
REFUSED: Final = 3  # vectorbt did not fill an order as sized
NOT_FINITE: Final = 4  # a missing price, fee or rate was needed

RETARGET: Final = 1
CLOSE: Final = 2
WORK: Final = 3  # go on towards a target that a volume limit left unreached
FUNDED: Final = 0

CONVERGED: Final = 1e-15  # of NAV
DUST: Final = 1e-12  # of a position: not worth an order


def order_buffers(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for `size` vectorbt order records, and for no log records."""
    return np.empty(size, dtype=order_dt), np.empty(0, dtype=log_dt)


@njit(nogil=True, cache=True)
def unit_series(sessions, starts, names, units, matrix):  # type: ignore[no-untyped-def]
    """Value by session of the shape held into it: sum of units x matrix; the order of additions is fixed.

    `sessions, starts, names, units` as in `sleeves.Events`; matrix (n_sessions, n_assets) -> (n_sessions,).
    """
    n_sessions = matrix.shape[0]
    out = np.zeros(n_sessions)
    for e in range(len(sessions)):
        last = sessions[e + 1] if e + 1 < len(sessions) else n_sessions - 1
        for t in range(sessions[e] + 1, last + 1):
            total = 0.0
            for j in range(starts[e], starts[e + 1]):
                if units[j] != 0.0:
                    total += units[j] * matrix[t, names[j]]
            out[t] = total
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def run_account(  # type: ignore[no-untyped-def]
    market, sleeves, series, policy, terms, costs, limits, initial_nav, proportional, keep_orders, orders, logs, out
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
              `keep_orders`, else only vectorbt's execution runs
    out       nav, cash, interest, margin, traded (n_sessions,); value, gain, trading, dividends, borrow, rebate, held
              (n_sessions, n_sleeves): filled in place, zero before
    """
    price, dividend, owed, tradable = market
    sign, role, bounds, ev_session, ev_kind, ev_total, starts, names, units = sleeves
    unit_value, unit_owed, unit_dividend = series
    ratio, refresh, exposure = policy
    credit, debit, rebate, reset, borrows = terms
    buy, sell, impact = costs
    max_trade, max_short, work_sessions, limited = limits
    (
        o_nav,
        o_cash,
        o_interest,
        o_margin,
        o_traded,
        o_value,
        o_gain,
        o_trading,
        o_dividends,
        o_borrow,
        o_rebate,
        o_held,
    ) = out

    n_sessions, n_assets = price.shape
    n_sleeves = len(sign)
    position = np.zeros((n_sleeves, n_assets))
    debt = np.zeros((n_sleeves, n_assets))
    aim = np.zeros((n_sleeves, n_assets))  # targets of a sleeve still being worked
    scale = np.zeros(n_sleeves)
    value = np.zeros(n_sleeves)
    financed = np.zeros(n_sleeves)
    held = np.zeros(n_sleeves)
    upcoming = bounds[:-1].copy()
    current = np.full(n_sleeves, -1)
    todo = np.zeros(n_sleeves, dtype=np.int64)
    left = np.zeros(n_sleeves, dtype=np.int64)
    going = np.zeros(n_sleeves, dtype=np.bool_)
    at = np.zeros(n_sleeves + 1, dtype=np.int64)  # where each sleeve's entries stand in the scratch below
    room = 0
    for s in range(n_sleeves):
        widest = 0
        for e in range(bounds[s], bounds[s + 1]):
            widest = max(widest, starts[e + 1] - starts[e])
        room += widest
    who = np.empty(room, dtype=np.int64)
    p, q, u, move = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    grow, shrink, rate, bend = np.empty(room), np.empty(room), np.empty(room), np.empty(room)
    may = np.empty(room, dtype=np.int64)
    cash = initial_nav
    nav = initial_nav
    n_orders = 0
    ruined = -1

    for t in range(n_sessions):
        if ruined >= 0:
            o_nav[t] = nav
            o_cash[t] = nav
            continue
        # --- the nights into t, on what was held -------------------------------------------------------------------
        if t > 0:
            own = nav
            flow = 0.0
            for s in range(n_sleeves):
                if sign[s] > 0:
                    own -= value[s]
                now, fee, paid = 0.0, 0.0, 0.0
                if current[s] >= 0:
                    if proportional:
                        if scale[s] != 0.0:
                            now = scale[s] * unit_value[t, s]
                            fee = scale[s] * unit_owed[t, s]
                            paid = scale[s] * unit_dividend[t, s]
                    else:
                        for j in range(starts[current[s]], starts[current[s] + 1]):
                            i = names[j]
                            if position[s, i] != 0.0:
                                now += position[s, i] * price[t, i]
                                paid += position[s, i] * dividend[t, i]
                                if borrows[s]:
                                    fee += position[s, i] * owed[t, i]
                o_gain[t, s] = sign[s] * (now - value[s])
                o_dividends[t, s] = sign[s] * paid
                if sign[s] < 0:
                    o_borrow[t, s] = 0.0 - fee
                    o_rebate[t, s] = rebate[t, s] * financed[s]
                flow += o_dividends[t, s] + o_borrow[t, s] + o_rebate[t, s]
                value[s] = now
                if not reset[s]:
                    financed[s] = now
            if own >= 0.0:
                o_interest[t] = own * credit[t]
            else:
                o_margin[t] = own * debit[t]
            cash += flow + o_interest[t] + o_margin[t]
            nav = cash
            for s in range(n_sleeves):
                nav += sign[s] * value[s]
            if not np.isfinite(nav):
                return NOT_FINITE, n_orders, ruined, t
            if nav <= 0.0:
                ruined = t
                o_nav[t] = nav
                o_cash[t] = nav
                continue
        # --- what is to be done at this close ----------------------------------------------------------------------
        busy = False
        funded = False
        for s in range(n_sleeves):
            todo[s] = 0
            if upcoming[s] < bounds[s + 1] and ev_session[upcoming[s]] == t:
                current[s] = upcoming[s]
                upcoming[s] += 1
                todo[s] = ev_kind[current[s]]
                funded = funded or (role[s] == FUNDED and todo[s] == RETARGET)
            if role[s] != FUNDED:
                asked = ratio[t, s]
                if not np.isnan(asked) and asked != held[s]:
                    held[s] = asked
                    todo[s] = RETARGET
                if refresh[t, s] or funded:
                    todo[s] = RETARGET
            if current[s] < 0:
                todo[s] = 0
            going[s] = False
            if todo[s] == RETARGET:
                left[s] = work_sessions
            elif left[s] > 0:
                left[s] -= 1
                going[s] = True
                if todo[s] == 0:
                    todo[s] = WORK
            busy = busy or todo[s] != 0
        if busy:
            # --- gather what the sizes depend on -------------------------------------------------------------------
            for s in range(n_sleeves):
                k = at[s]
                if todo[s] != 0:
                    for j in range(starts[current[s]], starts[current[s] + 1]):
                        i = names[j]
                        who[k] = i
                        may[k] = tradable[t, i]
                        p[k] = price[t, i]
                        q[k] = position[s, i]
                        u[k] = units[j]
                        move[k] = 0.0
                        rate[k] = 0.0
                        bend[k] = impact[t, i]
                        if may[k] == 2:
                            grow[k], shrink[k], bend[k] = 0.0, 0.0, 0.0
                        elif sign[s] > 0:
                            grow[k], shrink[k] = buy[t, i], sell[t, i]
                        else:
                            grow[k], shrink[k] = sell[t, i], buy[t, i]
                        if todo[s] == CLOSE:
                            if u[k] == 0.0 and may[k] != 0:
                                aim[s, i] = 0.0
                            elif not going[s]:
                                aim[s, i] = q[k]
                        k += 1
                at[s + 1] = k
            # --- size: NAV after costs solves after = nav - cost(after) --------------------------------------------
            after, before, gap, gap_before = nav, nav, 0.0, 0.0
            for turn in range(64):
                cost = 0.0
                base = 0.0
                for s in range(n_sleeves):
                    if todo[s] == 0:
                        if role[s] == FUNDED:
                            base += sign[s] * value[s]
                        continue
                    lo, hi = at[s], at[s + 1]
                    if todo[s] == RETARGET:
                        weight = 0.0
                        fixed = 0.0
                        for k in range(lo, hi):
                            if may[k] != 0:
                                weight += u[k] * p[k]
                            else:
                                fixed += q[k] * p[k]
                                if proportional and (u[k] != 0.0 or q[k] != 0.0):
                                    return NEEDS_POSITIONS, n_orders, ruined, t
                        if role[s] == FUNDED:
                            wanted = after * exposure[t] * ev_total[current[s]]
                        else:
                            wanted = held[s] * base
                        scale[s] = max(0.0, wanted - fixed) / weight if weight > 0.0 else 0.0
                    reached = 0.0
                    for k in range(lo, hi):
                        if may[k] == 0:
                            reached += q[k] * p[k]
                            continue
                        wish = scale[s] * u[k] if todo[s] == RETARGET else aim[s, who[k]]
                        step = wish - q[k]
                        if abs(step) <= DUST * max(q[k], wish):
                            step = 0.0
                        elif limited and may[k] == 1:
                            asked = step
                            if sign[s] < 0 and step > 0.0:
                                step = min(step, max(0.0, max_short[t, who[k]] / p[k] - q[k]))
                            if abs(step) * p[k] > max_trade[t, who[k]]:
                                step = np.sign(step) * max_trade[t, who[k]] / p[k]
                            if proportional and step != asked:
                                return NEEDS_POSITIONS, n_orders, ruined, t
                        move[k] = step
                        rate[k] = grow[k] if step > 0.0 else shrink[k]
                        if bend[k] != 0.0:
                            rate[k] += bend[k] * np.sqrt(abs(step) * p[k])
                        if step != 0.0:
                            cost += abs(step) * p[k] * rate[k]
                        reached += (q[k] + step) * p[k]
                    if role[s] == FUNDED:
                        base += sign[s] * reached
                gap = nav - cost - after
                if not np.isfinite(gap):
                    return NOT_FINITE, n_orders, ruined, t
                if abs(gap) <= CONVERGED * nav:
                    break
                # Costs are piecewise linear in `after`: the secant lands in two or three turns.
                if turn > 0 and gap != gap_before:
                    jump = -gap * (after - before) / (gap - gap_before)
                else:
                    jump = gap
                before, gap_before = after, gap
                after += jump
            # --- trade: vectorbt executes --------------------------------------------------------------------------
            gross = 0.0
            for k in range(at[n_sleeves]):
                gross += abs(move[k]) * p[k] * (1.0 + rate[k])
            if keep_orders and n_orders + at[n_sleeves] > len(orders):
                return NEEDS_ROOM, n_orders, ruined, t
            line = 2.0 * gross + max(0.0, -cash)
            cash += line
            for s in range(n_sleeves):
                if todo[s] == 0:
                    continue
                paid = 0.0
                worth = 0.0
                for k in range(at[s], at[s + 1]):
                    i = who[k]
                    if limited and todo[s] == RETARGET:
                        aim[s, i] = scale[s] * u[k] if may[k] != 0 else q[k]
                    if move[k] != 0.0:
                        order = order_nb(
                            size=sign[s] * move[k], price=p[k], size_type=AMOUNT, direction=BOTH, fees=rate[k]
                        )
                        state = ProcessOrderState(
                            cash=cash, position=sign[s] * q[k], debt=debt[s, i], free_cash=cash, val_price=p[k],
                            value=nav, oidx=n_orders, lidx=0,
                        )  # fmt: skip
                        if keep_orders:
                            result, filled = process_order_nb(t, s * n_assets + i, 0, state, False, order, orders, logs)
                            n_orders = filled.oidx
                            cash, q[k], debt[s, i] = filled.cash, sign[s] * filled.position, filled.debt
                        else:
                            bare, result = execute_order_nb(state, order)
                            cash, q[k], debt[s, i] = bare.cash, sign[s] * bare.position, bare.debt
                        if result.status != FILLED or abs(result.size - abs(move[k])) > 1e-9 * result.size:
                            return REFUSED, n_orders, ruined, t
                        position[s, i] = q[k]
                        paid += result.fees
                        o_traded[t] += result.size * result.price
                    worth += q[k] * p[k]
                o_trading[t, s] = 0.0 - paid
                value[s] = worth
                financed[s] = worth
            cash -= line
            nav = cash
            for s in range(n_sleeves):
                nav += sign[s] * value[s]
        o_nav[t] = nav
        o_cash[t] = cash
        for s in range(n_sleeves):
            o_value[t, s] = sign[s] * value[s]
            o_held[t, s] = held[s]
        if nav <= 0.0:
            ruined = t
    return FINE, n_orders, ruined, -1
