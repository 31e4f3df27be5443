"""Mergers, spin-offs and new symbols through a basket's life: the level share by share, incumbents, and reasons."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import basket
from basket.actions import CorporateAction
from basket.level import build_history
from basket.pool import Pool
from basket.prices import index_prices
from basket.walk import Limits, walk

BASKET = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"


def counted_by_hand(panel, at, wanted, on_delete, actions, last_of, delisting_return):
    """Real shares and real money, one name and one day at a time; a unit of the index is what the divisor stands for.

    last_of: the last session with a close of each name that is delisted. Returns price and total-return levels.
    """
    close, split, dividend = panel.close, panel.split, panel.dividend
    names = list(panel.tickers)
    own = SimpleNamespace(shares=dict.fromkeys(names, 0.0), seen={}, cash=0.0, divisor=1.0)

    def hand_on(money):
        everything = own.cash + sum(n * own.seen[name] for name, n in own.shares.items() if n)
        if on_delete == "prorata" and any(own.shares.values()) and everything - money > 0:
            own.cash -= money
            own.divisor *= (everything - money) / everything

    price, total = [], []
    for t in range(at[0], close.shape[0]):
        paid = 0.0
        to_sell: list[tuple[str, float]] = []
        to_hand_on = 0.0
        ended: list[str] = []
        if price:
            for action in actions:
                if action.session != panel.sessions[t] or not own.shares[action.ticker]:
                    continue
                old = own.shares[action.ticker]
                if action.kind == "spin_off":
                    to_sell.append((action.into, old * action.ratio))
                    own.shares[action.into] += old * action.ratio / split[t, names.index(action.into)]
                    continue
                own.shares[action.ticker] = 0.0
                if action.into:
                    # Counted after that day's split of the other name, and the loop below splits once more.
                    own.shares[action.into] += old * action.ratio / split[t, names.index(action.into)]
                own.cash += old * action.cash
                to_hand_on += old * action.cash
            for i, name in enumerate(names):
                own.shares[name] *= split[t, i]
                own.seen[name] = own.seen.get(name, np.nan) / split[t, i]
                if not np.isnan(close[t, i]):
                    own.seen[name] = close[t, i]
                elif own.shares[name] and last_of.get(name, t) == t - 1:
                    own.seen[name] *= 1 + delisting_return
                    ended.append(name)
                if own.shares[name]:
                    paid += own.shares[name] * dividend[t, i]
        else:
            own.seen = {name: close[t, i] for i, name in enumerate(names)}
        worth = own.cash + sum(n * own.seen[name] for name, n in own.shares.items() if n)
        if price:
            total.append(total[-1] * (worth + paid) / own.divisor / price[-1])
            price.append(worth / own.divisor)
        else:
            price, total, worth = [100.0], [100.0], 100.0

        for name in ended:
            money = own.shares[name] * own.seen[name]
            own.shares[name], own.cash = 0.0, own.cash + money
            hand_on(money)
        for name, count in to_sell:
            own.shares[name] -= count
            if abs(own.shares[name]) < 1e-13:
                own.shares[name] = 0.0
            own.cash += count * own.seen[name]
            hand_on(count * own.seen[name])
        if to_hand_on:
            hand_on(to_hand_on)
        for k, session in enumerate(at):
            if session == t:
                everything = (
                    own.cash + sum(n * own.seen[name] for name, n in own.shares.items() if n) if t > at[0] else 100.0
                )
                buyable = {n: wanted[k, i] for i, n in enumerate(names) if not np.isnan(close[t, i])}
                all_of_it = sum(buyable.values())
                own.shares = dict.fromkeys(names, 0.0)
                own.shares.update({n: w / all_of_it * everything / own.seen[n] for n, w in buyable.items()})
                own.cash = 0.0
    return np.array(price), np.array(total)


@st.composite
def lives(draw):
    """Eight names: one delisted, one bought for cash, one merged, one with a new symbol, one parent, and the others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_sessions = 50
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (n_sessions, 8)), axis=0))
    split = np.where(rng.random(close.shape) < 0.04, rng.choice([2.0, 0.5, 1.1], close.shape), 1.0)
    close /= np.cumprod(split, axis=0)
    dividend = np.where(rng.random(close.shape) < 0.08, 0.01 * close, 0.0)
    days = [int(day) for day in rng.choice(np.arange(3, 45), 5, replace=False)]
    gone, bought, merged, renamed, spun = days
    close[gone:, 0] = close[bought:, 1] = close[merged:, 2] = close[renamed:, 3] = np.nan
    dividend[np.isnan(close)] = 0.0
    actions = [
        ("B", bought, "cash_merger", "", 1.0, float(rng.uniform(20, 80))),
        ("C", merged, "stock_merger", "F", float(rng.uniform(0.2, 2)), float(rng.choice([0.0, 5.0]))),
        ("D", renamed, "symbol_change", "H", 1.0, 0.0),
        ("E", spun, "spin_off", "G", 0.25, 0.0),
    ]
    wanted = rng.dirichlet(np.ones(8), size=3) * np.array([1, 1, 1, 1, 1, 1, 0, 0])
    at = np.array([0, 15, 30], dtype=np.int64)
    # From its day on H is what D was.
    wanted[1:, 7] = np.where(at[1:] >= renamed, 0.1, 0.0)
    return close, split, dividend, actions, at, wanted / wanted.sum(axis=1)[:, None], gone, float(rng.uniform(-1, 0.3))


@settings(max_examples=120, deadline=None)
@given(lives(), st.sampled_from(["prorata", "cash"]))
def test_every_kind_of_action_at_once_is_the_index_counted_by_hand(make_panel, case, on_delete) -> None:
    close, split, dividend, actions, at, wanted, gone, change = case
    panel = make_panel(close, dividend, split, tickers=list("ABCDEFGH"))
    made = [
        CorporateAction(panel.sessions[day], name, kind, into, ratio, cash)
        for name, day, kind, into, ratio, cash in actions
    ]
    records = pd.DataFrame({"delist_return": [change, *([np.nan] * 7)]}, index=panel.tickers)
    built = build_history((at, wanted), panel, securities=records, on_delete=on_delete, actions=made)
    price, total = counted_by_hand(panel, at, wanted, on_delete, made, {"A": gone - 1}, change)
    np.testing.assert_allclose(built.price_level, price, rtol=1e-12)
    np.testing.assert_allclose(built.level, total, rtol=1e-12)
    assert (built.level[1:] / built.level[:-1] >= built.price_level[1:] / built.price_level[:-1] - 1e-12).all()
    # Every change of the divisor is told.
    steps = np.flatnonzero(np.diff(built.divisor()) != 0)
    told = {int(panel.sessions.get_loc(event.session)) for event in built.events}
    assert {int(step) + built.start for step in steps} <= told


def pool_of(rank, enter_rank: int) -> Pool:
    rank = np.array(rank, dtype=float)
    none = np.full(rank.size, -1)
    return Pool(rank, rank, np.array([""] * rank.size, dtype=object), none, (), none, 1, enter_rank, 3)


def even(number, pool, held, drifted, forced):
    out = np.zeros(pool.rank.size)
    out[held] = 1 / held.size
    return out


def test_a_new_symbol_keeps_the_place_of_the_old_one(make_panel) -> None:
    nan = np.nan
    close = [[10, 10, nan], [10, 10, nan], [10, nan, 10], [10, nan, 10]]
    panel = make_panel(close)
    prices = index_prices(panel)
    at = np.array([0, 3], dtype=np.int64)
    change = [CorporateAction(panel.sessions[2], "B", "symbol_change", into="C")]
    # C ranks third, within the buffer of an incumbent, and out of reach of a newcomer.
    pools = [pool_of([2, 1, nan], enter_rank=1), pool_of([2, nan, 3], enter_rank=1)]
    assert walk(pools, at, prices, Limits(), even, actions=change).weights[1].tolist() == [0, 0, 1]
    assert walk(pools, at, prices, Limits(), even).weights[1].tolist() == [1, 0, 0]


def test_actions_are_among_the_reasons_on_their_day(planted, write) -> None:
    write(
        "actions.csv",
        "date,ticker,action,into,ratio,cash\n2023-04-03,S09,stock_merger,S00,0.5,\n2023-06-27,S08,cash_merger,,,50\n",
    )
    text = BASKET + "level: {actions: actions.csv}\nselection: {count: 6, max_borrow_fee: 1.0}\n"
    made = basket.build(write("b.yaml", text), planted, start="2023-01-10")
    changes = made.changes.set_index(["date", "ticker", "action"])
    day = pd.Timestamp("2023-04-03")
    assert changes.loc[(day, "S09", "exit"), "reason"] == "stock merger: 0.5 S00 a share"
    assert changes.loc[(day, "S00", "enter"), "reason"] == "stock merger of S09"
    # What happens after the last rebalance is told as well.
    assert changes.loc[(pd.Timestamp("2023-06-27"), "S08", "exit"), "reason"] == "cash merger: 50 USD a share"
    # Entries and exits are those of the drifted holdings: nothing comes or goes untold.
    held = made.drifted_weights() > 0
    count = 0
    for _, row in made.changes.iterrows():
        count += 1 if row["action"] == "enter" else -1
    assert count == held.iloc[-1].sum()
