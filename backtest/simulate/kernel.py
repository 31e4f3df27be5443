"""The arithmetic between and at events, compiled: accruals, what is due, and sizes after costs.

1. `nights`: dividends, borrow, rebate and interest on yesterday's positions and marks; new values of the sleeves.
2. `due`: which sleeves are to be sized, closed in part, or worked further at this close.
3. `gather`: what the sizes of this event depend on, name by name, into one scratch.
4. `size`: trades as a function of NAV after costs A, and A = NAV - cost(trades(A)), solved by the secant.

Positions are magnitudes in carried shares; each sleeve has a sign. Nothing here knows pandas or vectorbt.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from backtest.simulate import jit

jit.engine_cache()

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
TURNS: Final = 64


@njit(nogil=True, cache=True, error_model="numpy")
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
def nights(t, nav, market, sleeves, series, terms, state, position, proportional, out):  # type: ignore[no-untyped-def]
    """Accrue into session t; returns the cash that came in. `state` value and financed are those of t afterwards."""
    price, dividend, owed, _ = market
    sign, starts, names = sleeves
    unit_value, unit_owed, unit_dividend = series
    credit, debit, rebate, reset, borrows = terms
    current, scale, value, financed = state
    o_interest, o_margin, o_gain, o_dividends, o_borrow, o_rebate = out
    own = nav
    flow = 0.0
    for s in range(len(sign)):
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
                    held = position[s, i]
                    if held != 0.0:
                        now += held * price[t, i]
                        paid += held * dividend[t, i]
                        if borrows[s]:
                            fee += held * owed[t, i]
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
    return flow + o_interest[t] + o_margin[t]


@njit(nogil=True, cache=True, error_model="numpy")
def due(t, role, bounds, sessions, kind, ratio, refresh, work_sessions, current, held, plan):  # type: ignore[no-untyped-def]
    """Sets `todo` of each sleeve for the close of t; returns whether anything is to be done."""
    upcoming, todo, left, going = plan
    busy = False
    funded = False
    for s in range(len(role)):
        todo[s] = 0
        going[s] = 0
        if upcoming[s] < bounds[s + 1] and sessions[upcoming[s]] == t:
            current[s] = upcoming[s]
            upcoming[s] += 1
            todo[s] = kind[current[s]]
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
        if todo[s] == RETARGET:
            left[s] = work_sessions
        elif left[s] > 0:
            left[s] -= 1
            going[s] = 1
            if todo[s] == 0:
                todo[s] = WORK
        busy = busy or todo[s] != 0
    return busy


@njit(nogil=True, cache=True, error_model="numpy")
def gather(t, market, sleeves, units, costs, plan, current, position, aim, scratch):  # type: ignore[no-untyped-def]
    """Copies price, position, unit and cost rates of every name of the sleeves to be done into the scratch."""
    price, _, _, tradable = market
    sign, starts, names = sleeves
    buy, sell, impact = costs
    _, todo, _, going = plan
    at, who, may, p, q, u, move, rate, grow, shrink, bend = scratch
    for s in range(len(sign)):
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
                    elif going[s] == 0:
                        aim[s, i] = q[k]
                k += 1
        at[s + 1] = k


@njit(nogil=True, cache=True, error_model="numpy")
def size(t, nav, exposure, sign, role, total, held, limits, plan, state, aim, proportional, scratch):  # type: ignore[no-untyped-def]
    """Fills `move` and `rate` of the scratch: the trades of this close and their cost per dollar. Returns a status."""
    max_trade, max_short, _, limited = limits
    _, todo, _, _ = plan
    current, scale, value, _ = state
    at, who, may, p, q, u, move, rate, grow, shrink, bend = scratch
    after, before, gap, gap_before = nav, nav, 0.0, 0.0
    for turn in range(TURNS):
        cost = 0.0
        base = 0.0
        for s in range(len(sign)):
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
                            return NEEDS_POSITIONS
                wanted = after * exposure[t] * total[current[s]] if role[s] == FUNDED else held[s] * base
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
                        return NEEDS_POSITIONS
                move[k] = step
                dollars = abs(step) * p[k]
                rate[k] = grow[k] if step > 0.0 else shrink[k]
                if bend[k] != 0.0:
                    rate[k] += bend[k] * np.sqrt(dollars)
                if step != 0.0:
                    cost += dollars * rate[k]
                reached += (q[k] + step) * p[k]
            if role[s] == FUNDED:
                base += sign[s] * reached
        gap = nav - cost - after
        if not np.isfinite(gap):
            return NOT_FINITE
        if abs(gap) <= CONVERGED * nav:
            return FINE
        # Costs are piecewise linear in `after`: the secant lands in two or three turns.
        jump = gap
        if turn > 0 and gap != gap_before:
            jump = -gap * (after - before) / (gap - gap_before)
        before, gap_before = after, gap
        after += jump
    return FINE
