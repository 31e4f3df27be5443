"""Many draws made together are those made one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import basket
from basket.caps import cap_weights
from basket.level import build_history
from basket.many_levels import build_histories
from basket.many_walks import Wanted, even_weights, walk_many
from basket.pool import Pool
from basket.prices import index_prices
from basket.variants import in_orders, one_by_one, random_histories
from basket.walk import Limits, walk
from market.errors import InfeasibleError

BASKET = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"


def same(one, other) -> None:
    np.testing.assert_allclose(one.level, other.level, rtol=1e-12)
    np.testing.assert_allclose(one.price_level, other.price_level, rtol=1e-12)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-13)
    np.testing.assert_allclose(one.turnover, other.turnover, atol=1e-12)
    np.testing.assert_allclose(one.divisor(), other.divisor(), rtol=1e-12)
    np.testing.assert_array_equal(one.rebalances, other.rebalances)
    columns, drifted = one.drifted()
    others, expected = other.drifted()
    np.testing.assert_array_equal(columns, others)
    np.testing.assert_allclose(drifted, expected, atol=1e-13)
    for session in (one.start, one.start + 1, one.start + len(one.level) - 1):
        np.testing.assert_allclose(one.weights_at(session)[columns], expected[session - one.start], atol=1e-13)
    assert len(one.stretches) == len(other.stretches)
    assert [event[:3] for event in one.events] == [event[:3] for event in other.events]
    np.testing.assert_allclose([e.value for e in one.events], [e.value for e in other.events], atol=1e-13)


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "level: {on_delete: cash, initial: 1000}\n",
        "selection: {count: 4, enter_rank: 2, exit_rank: 8, min_hold: 2, max_per_sector: 2}\n",
        "weights: {scheme: equal, name_cap: 0.5, sector_cap: 0.6}\n",
        "weights: {scheme: equal, name_cap: 0.5, liquidity: {notional: 1.0e+8}}\n",
        "weights: {scheme: inverse_volatility}\n",
        "turnover_cap: 0.2\n",
    ],
)
def test_draws_together_are_the_draws_alone(planted, write, rules) -> None:
    built = basket.build(write("b.yaml", BASKET + rules), planted, start="2023-01-10")
    orders = np.array([np.random.default_rng(k).permutation(len(planted.tickers)) for k in range(25)])
    together = list(in_orders(built, orders))
    ended = 0
    for order, found in zip(orders, together, strict=True):
        same(found, one_by_one(built, order))
        ended += sum(event.event == "deleted" for event in found.events)
    assert ended > 0  # S07 goes bankrupt in some of the draws


def test_the_basket_is_the_draw_in_its_own_order(planted, write) -> None:
    text = BASKET + "selection: {max_borrow_fee: 1.0}\n"
    built = basket.build(write("b.yaml", text), planted, start="2023-06-20")
    order = np.argsort(built.pools[0].rank)
    np.testing.assert_allclose(next(in_orders(built, order[None])).level, built.level.to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("scheme", ["equal", "inverse_volatility"])
def test_draws_that_the_caps_cannot_hold_give_their_place_to_others(planted, write, scheme) -> None:
    rules = f"weights: {{scheme: {scheme}, name_cap: 0.5, sector_cap: 0.45}}\nselection: {{max_borrow_fee: 1.0}}\n"
    built = basket.build(write("b.yaml", BASKET + rules), planted, start="2023-05-22")
    orders = np.array([np.argsort(np.random.default_rng([3, k]).permutation(13)) for k in range(30)])
    alone = list(in_orders(built, orders))
    assert any(history is None for history in alone)
    fit = [history for history in alone if history is not None]
    for one, other in zip(fit, random_histories(built, len(fit), seed=3), strict=True):
        np.testing.assert_allclose(one.level, other.level, rtol=1e-12)
        sectors = planted.securities.loc[planted.tickers, "sector"].to_numpy()
        for row in one.weights:
            assert max(row[sectors == name].sum() for name in ("Energy", "Industrials", "Materials")) <= 0.45 + 1e-9


def test_caps_that_hardly_any_draw_can_hold_are_told(planted, write, monkeypatch) -> None:
    rules = "weights: {scheme: equal, name_cap: 0.5, sector_cap: 0.45}\nselection: {max_borrow_fee: 1.0}\n"
    built = basket.build(write("b.yaml", BASKET + rules), planted, start="2023-05-22")
    monkeypatch.setattr("basket.variants.in_orders", lambda basket, orders: iter([None] * len(orders)))
    with pytest.raises(InfeasibleError, match="only 0 can hold its caps"):
        list(random_histories(built, 2, seed=3))


def test_a_draw_does_not_depend_on_how_many_there_are(planted, write, monkeypatch) -> None:
    built = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")
    whole = [history.level for history in random_histories(built, 7, seed=3)]
    monkeypatch.setattr("basket.variants.AT_ONCE", 2)
    for one, other in zip(whole, random_histories(built, 7, seed=3), strict=True):
        np.testing.assert_array_equal(one, other.level)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["prorata", "cash"]))
def test_levels_with_halts_deletions_splits_and_dividends(make_panel, seed: int, on_delete) -> None:
    rng = np.random.default_rng(seed)
    n_sessions, n_assets, n_rows = 70, 7, 4
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (n_sessions, n_assets)), axis=0))
    split = np.where(rng.random(close.shape) < 0.03, 2.0, 1.0)
    close /= np.cumprod(split, axis=0)
    dividend = np.where(rng.random(close.shape) < 0.05, 0.01 * close, 0.0)
    for column in range(4):  # halts, some of them so long that the name counts as gone, one for good
        begin = int(rng.integers(2, 60))
        close[begin : begin + int(rng.integers(1, 30)), column] = np.nan
    close[int(rng.integers(30, 69)) :, 4] = np.nan
    records = pd.DataFrame(
        {"delist_reason": ["", "", "", "", "bankruptcy", "", ""], "exchange": "NYSE"}, index=pd.Index(list("ABCDEFG"))
    )
    prices = index_prices(make_panel(close, dividend, split), records)
    at = np.array([0, 20, 40, 69 if seed % 2 else 60], dtype=np.int64)
    wanted = []
    for _ in at:
        columns = np.array([[*rng.permutation(5)[:3], rng.integers(5, 7)] for _ in range(n_rows)])
        weights = rng.dirichlet(np.ones(4), size=n_rows)
        weights[0, 0] = 0.0  # a place that is not used
        wanted.append(Wanted(columns, weights / weights.sum(axis=1)[:, None]))
    end = prices.sessions[-1 - seed % 3]
    found = build_histories(at, wanted, prices, end=end, initial=100.0, on_delete=on_delete)
    for row in range(n_rows):
        dense = np.zeros((at.size, n_assets))
        for number, target in enumerate(wanted):
            dense[number, target.columns[row]] = target.weights[row]
        same(found[row], build_history((at, dense), prices, end=end, on_delete=on_delete))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000))
def test_equal_weights_under_caps_are_those_of_the_water(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 4, (5, 12))
    used = rng.random((5, 12)) < 0.9
    used[:, 0] = True
    name_cap, group_cap = rng.uniform(0.09, 0.5), rng.choice([None, rng.uniform(0.2, 0.8)])
    expected = np.zeros(codes.shape)
    holds = np.ones(5, dtype=bool)
    for row in range(5):
        inside = np.flatnonzero(used[row])
        caps = None if group_cap is None else np.full(4, group_cap)
        try:
            even = np.full(inside.size, 1 / inside.size)
            expected[row, inside] = cap_weights(even, name_cap, codes[row, inside], caps)
        except InfeasibleError:
            holds[row] = False
    weights, fits = even_weights(codes, used, 4, name_cap, group_cap)
    np.testing.assert_array_equal(fits, holds)
    np.testing.assert_allclose(weights[holds], expected[holds], atol=1e-13)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_walks_under_every_limit(make_panel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_assets, count = 24, int(rng.integers(4, 9))
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (60, n_assets)), axis=0))
    close[9:14, 0] = close[30:58, 1] = np.nan  # halted at the second rebalance; gone between the third and the last
    prices = index_prices(make_panel(close, tickers=[f"N{i:02d}" for i in range(n_assets)]))
    at = np.array([0, 10, 29, 59], dtype=np.int64)
    sector, issuer = rng.integers(-1, 4, n_assets), rng.integers(0, 18, n_assets)
    limits = Limits(
        min_hold=int(rng.integers(0, 3)),
        max_per_sector=[None, 3][seed % 2],
        max_per_issuer=[None, 1][seed // 2 % 2],
    )
    pools = []
    for _ in at:
        rank = np.where(rng.random(n_assets) < 0.85, 1.0, np.nan)
        pools.append(Pool(rank, rank, np.array([""] * n_assets, dtype=object), sector, tuple("abcd"), issuer, count,
                          int(rng.integers(1, count + 1)), int(rng.integers(count, 20))))  # fmt: skip
    orders = np.array([rng.permutation(n_assets) for _ in range(6)])
    found, hold = walk_many(pools, at, prices, limits, orders, 1.0)
    assert hold.all()

    def even(number, pool, held, drifted, forced):
        out = np.zeros(n_assets)
        out[held] = 1 / held.size
        return out

    for row, order in enumerate(orders):
        ranks = []
        for pool in pools:
            may = order[np.isfinite(pool.rank)[order]]
            rank = np.full(n_assets, np.nan)
            rank[may] = np.arange(1, may.size + 1)
            ranks.append(rank)
        expected = walk(pools, at, prices, limits, even, ranks).weights
        for number, target in enumerate(found):
            dense = np.zeros(n_assets)
            np.add.at(dense, target.columns[row], target.weights[row])
            np.testing.assert_allclose(dense, expected[number], atol=1e-13)
