"""The arithmetic at events, compiled: what is due, and sizes after costs.

1. `due`: which sleeves are to be sized, closed in part, worked further or cut back at that close.
2. `gather`: what the sizes of this event depend on, name by name, into one scratch.
3. `size`: trades as a function of NAV after costs A, and A = NAV - cost(trades(A)), solved by the secant; `cut` shrinks
   them to what that NAV carries.

Positions are magnitudes in carried shares; each sleeve has a sign. Nothing here knows pandas or vectorbt.
"""

from __future__ import annotations

import numpy as np

from backtest.simulate.codes import (
    CLOSE,
    CONVERGED,
    CRUMB,
    DUST,
    FINE,
    FUNDED,
    KEEP,
    NEEDS_POSITIONS,
    NOT_FINITE,
    RETARGET,
    TURNS,
    WORK,
)
from backtest.simulate.jit import compiled


@compiled
def due(t, role, bounds, sessions, kind, policy, work_sessions, state, plan):  # type: ignore[no-untyped-def]
    """Sets `todo` of each sleeve for the close of t."""
    ratio, refresh, _ = policy
    current, _, _, _, held, left, call = state
    upcoming, todo, going = plan
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
        if call[0] != 0 and todo[s] == 0 and current[s] >= 0:
            todo[s] = KEEP


@compiled
def gather(t, market, sleeves, sessions, units, costs, rows, plan, current, position, aim, scratch):  # type: ignore[no-untyped-def]
    """Copies price, position, unit and cost rates of every name of the sleeves to be done into the scratch.

    At a sleeve's own events they stand ready in `rows`; at others they are read from the matrices.
    """
    price, _, _, tradable = market
    sign, starts, names = sleeves
    buy, sell, impact = costs
    row_may, row_price, row_grow, row_shrink, row_bend = rows
    _, todo, going = plan
    at, who, may, p, q, u, move, rate, grow, shrink, bend = scratch
    for s in range(len(sign)):
        k = at[s]
        if todo[s] != 0:
            ready = sessions[current[s]] == t
            for j in range(starts[current[s]], starts[current[s] + 1]):
                i = names[j]
                who[k] = i
                q[k] = position[s, i]
                u[k] = units[j]
                move[k] = 0.0
                rate[k] = 0.0
                if ready:
                    may[k], p[k], grow[k], shrink[k] = row_may[j], row_price[j], row_grow[j], row_shrink[j]
                    bend[k] = row_bend[j]
                else:
                    may[k] = tradable[t, i]
                    p[k] = price[t, i]
                    bend[k] = impact[t, i]
                    grow[k], shrink[k] = buy[t, i], sell[t, i]
                    if sign[s] < 0:
                        grow[k], shrink[k] = shrink[k], grow[k]
                if may[k] == 2:
                    grow[k], shrink[k], bend[k] = 0.0, 0.0, 0.0
                if todo[s] == CLOSE and u[k] == 0.0 and may[k] != 0:
                    aim[s, i] = 0.0
                elif (todo[s] == CLOSE and going[s] == 0) or todo[s] == KEEP:
                    aim[s, i] = q[k]
                k += 1
        at[s + 1] = k


@compiled
def cut(t, after, sign, starts, names, price, margin, plan, state, position, scratch):  # type: ignore[no-untyped-def]
    """Shrinks the targets of this close to what NAV `after` carries: all of them on a margin call, else new ones."""
    maintain_long, maintain_short, initial_long, initial_short, _ = margin
    current, _, _, _, _, _, call = state
    _, todo, _ = plan
    at, who, may, p, q, _, move = scratch[:7]
    called = call[0] != 0
    fixed, free = 0.0, 0.0
    for s in range(len(sign)):
        if called:
            rates = maintain_long if sign[s] > 0 else maintain_short
        else:
            rates = initial_long if sign[s] > 0 else initial_short
        if todo[s] == 0 and current[s] >= 0:
            for j in range(starts[current[s]], starts[current[s] + 1]):
                fixed += position[s, names[j]] * price[t, names[j]] * rates[t, names[j]]
        for k in range(at[s], at[s + 1]):
            need = (q[k] + move[k]) * p[k] * rates[t, who[k]]
            if may[k] == 0 or (not called and todo[s] != RETARGET):
                fixed += need
            else:
                free += need
    if fixed + free <= after:
        return
    share = max(0.0, after - fixed) / free if free > 0.0 else 1.0
    for s in range(len(sign)):
        for k in range(at[s], at[s + 1]):
            if may[k] != 0 and (called or todo[s] == RETARGET):
                target = share * (q[k] + move[k])
                if not called:
                    target = max(target, min(q[k], q[k] + move[k]))
                move[k] = target - q[k]


@compiled
def size(  # type: ignore[no-untyped-def]
    t, nav, policy, sleeves, role, total, market, limits, margin, plan, state, position, aim, proportional, scratch
):
    """Fills `move` and `rate` of the scratch: the trades of this close and their cost per dollar. Returns a status."""
    sign, starts, names = sleeves
    max_trade, max_short, _, limited = limits
    exposure = policy[2]
    todo = plan[1]
    current, scale, value, _, held, _, _ = state
    at, who, may, p, q, u, move, rate, grow, shrink, bend = scratch
    after, before, gap, gap_before = nav, nav, 0.0, 0.0
    taken = np.zeros(position.shape[1] if limited else 0)  # shares short by name, all sleeves, as this close goes on
    for turn in range(TURNS):
        base = 0.0
        if limited:
            for k in range(at[len(sign)]):
                taken[who[k]] = 0.0
                for s in range(len(sign)):
                    if sign[s] < 0:
                        taken[who[k]] += position[s, who[k]]
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
                dollars = after * exposure[t] * total[current[s]] if role[s] == FUNDED else held[s] * base
                scale[s] = max(0.0, dollars - fixed) / weight if weight > 0.0 else 0.0
            reached = 0.0
            for k in range(lo, hi):
                if may[k] == 0:
                    reached += q[k] * p[k]
                    continue
                wish = scale[s] * u[k] if todo[s] == RETARGET else aim[s, who[k]]
                step = wish - q[k]
                if abs(step) <= max(DUST * max(q[k], wish), CRUMB):
                    step = 0.0
                elif limited and may[k] == 1:
                    asked = step
                    if sign[s] < 0 and step > 0.0:
                        step = min(step, max(0.0, max_short[t, who[k]] / p[k] - taken[who[k]]))
                        if step < asked and step <= max(DUST * taken[who[k]], CRUMB):
                            step = 0.0
                    if np.isnan(max_trade[t, who[k]]):
                        return NOT_FINITE
                    if abs(step) * p[k] > max_trade[t, who[k]]:
                        step = np.sign(step) * max_trade[t, who[k]] / p[k]
                    if proportional and step != asked:
                        return NEEDS_POSITIONS
                move[k] = step
                if limited and sign[s] < 0:
                    taken[who[k]] += step
                reached += (q[k] + step) * p[k]
            if role[s] == FUNDED:
                base += sign[s] * reached
        if margin[4]:
            cut(t, after, sign, starts, names, market[0], margin, plan, state, position, scratch)
            if limited:
                for k in range(at[len(sign)]):
                    if may[k] == 1 and abs(move[k]) * p[k] > max_trade[t, who[k]]:
                        move[k] = np.sign(move[k]) * max_trade[t, who[k]] / p[k]
        cost = 0.0
        for k in range(at[len(sign)]):
            if move[k] != 0.0:
                dollars = abs(move[k]) * p[k]
                rate[k] = grow[k] if move[k] > 0.0 else shrink[k]
                if bend[k] != 0.0:
                    rate[k] += bend[k] * np.sqrt(dollars)
                cost += dollars * rate[k]
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
