"""The arithmetic between events, compiled: value of a shape by session, requirements, and everything that accrues.

1. `unit_series`: value by session of one unit of the shape held into it.
2. `required`: the margin that positions need at a close.
3. `hold`: session after session, dividends, borrow, rebate and interest on yesterday's positions and marks, until a
   session with something to do.

Positions are magnitudes in carried shares; each sleeve has a sign. Nothing here knows pandas or vectorbt.
"""

from __future__ import annotations

import numpy as np

from backtest.simulate.codes import (
    BORROW,
    DIVIDENDS,
    ENDED,
    FINE,
    GAIN,
    INTEREST,
    MARGIN,
    NOT_FINITE,
    REBATE,
    RUINED,
    SHORTFALL,
)
from backtest.simulate.jit import compiled


@compiled
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


@compiled
def required(t, price, sign, starts, names, current, position, long_rate, short_rate):  # type: ignore[no-untyped-def]
    """Margin the positions need at the close of t, USD."""
    total = 0.0
    for s in range(len(sign)):
        if current[s] >= 0:
            for j in range(starts[current[s]], starts[current[s] + 1]):
                i = names[j]
                if position[s, i] != 0.0:
                    rate = long_rate[t, i] if sign[s] > 0 else short_rate[t, i]
                    total += position[s, i] * price[t, i] * rate
    return total


@compiled
def hold(  # type: ignore[no-untyped-def]
    t, nav, cash, busy, market, sleeves, series, terms, margin, state, position, proportional, detail, out, totals
):
    """Keep the account from session t to the next with something to do, accruals into it included.

    Returns (session, nav, cash, status): FINE there, ENDED after the last session, RUINED or NOT_FINITE where it broke.
    `state` ends with the sessions left to work of each sleeve and whether a margin call is open.
    """
    price, dividend, owed, _ = market
    sign, starts, names = sleeves
    unit_value, unit_owed, unit_dividend = series
    credit, debit, rebate, reset, borrows = terms
    maintain_long, maintain_short, _, _, margined = margin
    current, scale, value, financed, held, left, call = state
    o_nav, o_cash, o_interest, o_margin, _, o_required, o_called = out[:7]
    o_value, o_gain, _, o_dividends, o_borrow, o_rebate, o_held = out[7:]
    n_sleeves = len(sign)
    while t < len(o_nav):
        if t > 0:
            own = nav
            for s in range(n_sleeves):
                if sign[s] > 0:
                    own -= value[s]
                if current[s] < 0:
                    continue
                now, fee, paid = 0.0, 0.0, 0.0
                if proportional:
                    if scale[s] != 0.0:
                        now = scale[s] * unit_value[t, s]
                        fee = scale[s] * unit_owed[t, s]
                        paid = scale[s] * unit_dividend[t, s]
                else:
                    for j in range(starts[current[s]], starts[current[s] + 1]):
                        i = names[j]
                        shares = position[s, i]
                        if shares != 0.0:
                            now += shares * price[t, i]
                            paid += shares * dividend[t, i]
                            if borrows[s]:
                                fee += shares * owed[t, i]
                gain = sign[s] * (now - value[s])
                paid = sign[s] * paid
                lent = rebate[t, s] * financed[s] if sign[s] < 0 else 0.0
                cash += paid - fee + lent
                totals[GAIN, s] += gain
                totals[DIVIDENDS, s] += paid
                totals[BORROW, s] -= fee
                totals[REBATE, s] += lent
                if detail:
                    o_gain[t, s] = gain
                    o_dividends[t, s] = paid
                    o_borrow[t, s] = 0.0 - fee
                    o_rebate[t, s] = lent
                value[s] = now
                if not reset[s]:
                    financed[s] = now
            if own >= 0.0:
                earned = own * credit[t]
                totals[INTEREST, 0] += earned
                if detail:
                    o_interest[t] = earned
            else:
                earned = own * debit[t]
                totals[MARGIN, 0] += earned
                if detail:
                    o_margin[t] = earned
            cash += earned
            nav = cash
            for s in range(n_sleeves):
                nav += sign[s] * value[s]
            if not np.isfinite(nav):
                return t, nav, cash, NOT_FINITE
            if nav <= 0.0:
                return t, nav, cash, RUINED
        stop = busy[t] or call[0] != 0
        for s in range(n_sleeves):
            stop = stop or left[s] > 0
        if stop:
            return t, nav, cash, FINE
        o_nav[t] = nav
        if detail:
            o_cash[t] = cash
            for s in range(n_sleeves):
                o_value[t, s] = sign[s] * value[s]
                o_held[t, s] = held[s]
        if margined:
            o_required[t] = required(t, price, sign, starts, names, current, position, maintain_long, maintain_short)
            call[0] = nav < o_required[t] * (1.0 - SHORTFALL)
            o_called[t] = call[0]
        t += 1
    return t, nav, cash, ENDED
