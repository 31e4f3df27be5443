"""What it takes to hold the short beyond its costs: margin, calls, buy-ins, what limits left undone, the other way.

1. The same hedge is held the other way too (by swap where the run borrows stock, and the reverse): what each costs.
2. Requirements are measured on the account's own positions, whether the broker enforces them or not: the buffer is the
   largest fall, within a month, of NAV less the requirement.
3. Recalls: buy-ins counted from the orders, and their cost by the same account without any.
4. Fills: at each trade of the basket, the part of the notional that limits, recalls or halts kept from being short.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import frames
from backtest.accounts import BASKET
from backtest.dated_values import BPS
from backtest.margin import SQUEEZE_SESSIONS, liquidity
from backtest.simulate import simulate
from screens.loading import Ref

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.result import Json
    from backtest.simulate import Simulation

MARGIN_RULES = {"none": "Regulation T, measured only", "reg_t": "Regulation T", "portfolio": "portfolio margin"}


def holding(
    accounts: Accounts, path: pd.Series, unhedged: Simulation, hedged: Simulation, average_nav: float
) -> dict[str, Json]:
    """Sections of `summary.json`: `implementation, margin, liquidity_buffer`; `recalls`, `fills` where they matter."""
    spec = accounts.legs.spec
    told: dict[str, Json] = {
        "implementation": both_ways(accounts, path, unhedged, hedged, average_nav),
        "margin": margin_calls(accounts, hedged),
        "liquidity_buffer": buffer(accounts, hedged),
    }
    if spec.recalls is not None:
        told["recalls"] = buy_ins(hedged, accounts, average_nav)
    if spec.recalls is not None or np.isfinite(accounts.terms.short_cap_usd).any() or spec.liquidity.participation:
        told["fills"] = fills(hedged)
    return told


def both_ways(
    accounts: Accounts, path: pd.Series, unhedged: Simulation, hedged: Simulation, average_nav: float
) -> dict[str, Json]:
    """Costs a year of the basket held in stock and by swap, other legs as they are; margin that the swap moves in cash.

    Amounts are USD. Variation margin is what the swap's losses had to be paid in cash, over a session and a month.
    """
    held = accounts.legs.spec.implementation
    other = accounts.hedged(path, "swap" if held == "stock" else "stock")
    both = {"stock": hedged, "swap": other} if held == "stock" else {"stock": other, "swap": hedged}
    costs = {
        name: frames.costs_bps(frames.carry_frame(unhedged, one), average_nav)
        for name, one in both.items()
        if one.ruined is None
    }
    told: dict[str, Json] = {"held": held, "costs_bps_per_year": costs}
    if len(costs) == 2:
        told["swap_less_stock_bps"] = costs["swap"]["total"] - costs["stock"]["total"]
    swap = both["swap"]
    s = swap.sleeves.index(BASKET)
    paid = pd.Series(swap.gain[:, s] + swap.dividends[:, s] + swap.rebate[:, s], index=swap.sessions)
    month = paid.rolling(SQUEEZE_SESSIONS, min_periods=1).sum()
    asked = accounts.legs.spec.swap.spread_bps
    told["swap"] = {
        "spread_bps": float(np.asarray(accounts.terms.swap.spread).mean()) / BPS if isinstance(asked, Ref) else asked,
        "initial_margin_usd": float(accounts.terms.swap.initial_margin * -swap.value[:, s].min()),
        "variation_margin_session_usd": float(max(0.0, -paid.min())),
        "variation_margin_month_usd": float(max(0.0, -month.min())),
        "variation_margin_month_end": str(swap.sessions[int(month.to_numpy().argmin())].date()),
    }
    return told


def margin_calls(accounts: Accounts, hedged: Simulation) -> dict[str, Json]:
    """Whether calls were acted on, how many sessions closed with one, and on how many the account was cut."""
    rules = accounts.legs.spec.margin
    told: dict[str, Json] = {"rules": rules.rules, "enforced": rules.enforce}
    if rules.enforce:
        called = np.flatnonzero(hedged.called)
        after = called[called + 1 < len(hedged.nav)] + 1
        told["calls"] = len(called)
        told["cut_sessions"] = int((hedged.traded[after] > 0).sum())
        if len(called):
            told["first_call"] = str(hedged.sessions[called[0]].date())
            told["last_call"] = str(hedged.sessions[called[-1]].date())
    return told


def buffer(accounts: Accounts, hedged: Simulation) -> dict[str, Json]:
    """What had to stand free to live through the worst month of the sample, USD and as a share of NAV before it."""
    need = liquidity(hedged, accounts.terms.margin)
    before = float(hedged.nav[hedged.sessions.get_loc(need.squeeze_from)])
    spec = accounts.legs.spec
    swapped = "; of the basket the swap's initial margin" if spec.implementation == "swap" else ""
    return {
        "measured_by": MARGIN_RULES[spec.margin.rules] + swapped,
        "usd": need.squeeze,
        "share_of_nav": need.squeeze / before,
        "start": str(need.squeeze_from.date()),
        "end": str(need.squeeze_to.date()),
        "peak_usage": need.peak_usage,
        "sessions_below": need.calls,
        "shortfall_usd": need.shortfall,
        "shortfall_on": None if need.shortfall_on is None else str(need.shortfall_on.date()),
    }


def buy_ins(hedged: Simulation, accounts: Accounts, average_nav: float) -> dict[str, Json]:
    """Buy-ins, names, USD bought in, and what the recalls cost: the account without them, less the account."""
    count, names, usd = bought_in(hedged)
    without = tuple(replace(sleeve, recalls=None) for sleeve in hedged.account.shorts)
    never = simulate(replace(hedged.account, shorts=without), accounts.desk)
    cost = float(never.nav[-1] - hedged.nav[-1])
    a_year = frames.BPS * cost / average_nav / frames.years(hedged.sessions)
    return {
        "buy_ins": count, "names": len(names), "bought_in_usd": usd, "cost_usd": cost, "cost_bps_per_year": a_year,
    }  # fmt: skip


def bought_in(hedged: Simulation) -> tuple[int, set[str], float]:
    """Buy-ins of an account under recalls, the names they were of, and their USD."""
    count, names, usd = 0, set[str](), 0.0
    positions = hedged.positions(carried=True)
    for sleeve in hedged.account.shorts:
        if sleeve.recalls is None or sleeve.name not in positions:
            continue
        held = positions[sleeve.name]
        column = hedged.tickers.get_indexer(held.columns)
        before = held.shift(1).fillna(0.0).to_numpy()
        out = (before != 0.0) & (sleeve.recalls.recalled & hedged.tape.observed)[:, column]
        count += int(out.sum())
        names |= set(held.columns[out.any(axis=0)].astype(str))
        usd += float((np.abs(before) * hedged.tape.price[:, column])[out].sum())
    return count, names, usd


def fills(hedged: Simulation) -> dict[str, Json]:
    """Share of the asked notional that was not short after the basket's trades: mean, worst, and when."""
    s = hedged.sleeves.index(BASKET)
    traded = np.unique(hedged.records["idx"][hedged.records["col"] // len(hedged.tickers) == s])
    legs = {leg.name for leg in hedged.account.shorts}
    base = hedged.value[:, [i for i, name in enumerate(hedged.sleeves) if name not in legs]].sum(axis=1)
    asked = hedged.held[traded, s] * base[traded]
    short = -hedged.value[traded, s]
    left = 1.0 - np.divide(short, asked, out=np.ones_like(short), where=asked > 0)
    if not len(left):
        return {"unfilled_mean": 0.0, "unfilled_worst": 0.0}
    worst = int(left.argmax())
    return {
        "unfilled_mean": float(np.maximum(left, 0.0).mean()),
        "unfilled_worst": float(max(left[worst], 0.0)),
        "unfilled_worst_on": str(hedged.sessions[traded[worst]].date()),
    }
