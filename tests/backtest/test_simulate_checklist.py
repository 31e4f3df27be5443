"""The checklist of what vectorbt does to a long/short book unasked: every entry has a test, and the rest stand here."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.ledger import replay
from backtest.planted import planted_account, planted_panel, planted_targets
from backtest.simulate import Account, Costs, Delistings, ShortSleeve, simulate
from backtest.simulate.daily import daily_engine, daily_error, daily_portfolio

TESTS = Path(__file__).parent
ROOT = TESTS.parents[1]

CHECKLIST = {
    "leavers given NaN stay short": "test_leavers_given_nan_stay_short_in_vectorbt_and_are_bought_back_here",
    "a missing price freezes a position": (
        "test_a_missing_price_freezes_a_position_in_vectorbt_and_closes_it_at_the_terminal_price_here"
    ),
    "an order at a price of zero raises": "test_a_total_loss_has_a_price_above_zero",
    "a missing price at a rebalance leaves weight uninvested": (
        "test_a_missing_price_at_a_rebalance_leaves_no_weight_uninvested"
    ),
    "a missing price poisons the group": "test_a_hole_in_a_held_price_poisons_vectorbts_group_and_not_the_account",
    "130/30 is filled as 100/30": "test_130_30_is_filled_as_asked_and_the_debit_is_negative_cash",
    "carry that drives cash below zero stops the next order": (
        "test_carry_may_drive_cash_below_zero_and_the_next_order_still_fills"
    ),
    "costs are paid from a debit": "test_costs_are_paid_out_of_the_investment_and_never_by_debit",
    "a ratio of zero is the book alone": "test_a_ratio_of_zero_is_the_long_book_to_the_bit",
    "longs first are clipped": "test_the_order_of_longs_and_shorts_does_not_matter",
    "lock_cash halves the book": "test_locked_cash_halves_the_book_in_vectorbt_and_proceeds_are_no_lock_here",
    "sizes ignore the costs of the same row": "test_vectorbt_sizes_before_costs_and_we_after",
    "orders are filled in part, silently": "test_what_was_asked_is_what_is_held_after_every_trade",
    "ruin freezes the account": "test_ruin_ends_the_account_with_its_date",
    "exposure is not over NAV": "test_exposure_is_over_nav_unlike_vectorbts",
    "a vector is read along the other axis": "test_cost_vectors_are_never_read_as_sessions",
    "one order a name and row": "test_a_name_held_long_and_short_is_two_positions",
    "scale of prices": "test_scaling_all_prices_changes_nothing",
    "splits": "test_splitting_a_name_changes_nothing",
    "business-day indices have no frequency": "test_any_index_of_sessions_has_a_frequency",
    "365 days a year": "test_year_is_252_sessions_and_freq_is_a_day_before_any_metric",
    "fills at the bar of the signal": "test_an_order_fills_at_the_close_of_its_session_and_earns_from_the_next",
    "shorts owe no dividend": "test_a_buyer_on_the_ex_date_gets_no_dividend_and_a_short_of_the_day_before_owes_it",
    "no borrow fee, no weekend": "test_fees_accrue_each_calendar_day_and_settlement_may_lag",
    "no rebate, or twice": "test_rebate_and_fee_are_two_lines_that_never_double_count",
    "order records run out": "test_order_records_grow_as_needed",
    "rows are sorted one by one": "test_the_daily_portfolio_sorts_no_rows",
    "engines differ": "test_both_vectorbt_engines_give_the_same_records",
    "the rust wheel is of another version": "test_the_rust_wheel_has_the_version_of_vectorbt",
    "the engine is not recorded": "test_the_engine_is_part_of_the_manifest",
    "every process compiles again": "test_a_second_process_compiles_nothing",
    "vectorbt is imported everywhere": "test_vectorbt_is_imported_by_one_file",
    "the daily portfolio is another account": "test_the_daily_vectorbt_portfolio_has_the_same_nav",
    "the future is known": "test_what_comes_later_changes_nothing_before",
    "results differ from run to run": "test_the_same_input_gives_the_same_bytes",
}


def test_every_entry_of_the_checklist_has_its_test() -> None:
    written = {
        node.name
        for file in TESTS.glob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert not set(CHECKLIST.values()) - written


def account_of(close: np.ndarray, ratio: float = 0.5, **options: object) -> Account:
    panel = planted_panel(0, *close.shape, start="2024-01-02")
    panel = replace(panel, close=close, dividend=np.zeros_like(close), split=np.ones_like(close))
    short = ShortSleeve("basket", {0: np.array([0.0, 1.0])}, ratio)
    return Account(panel, {0: np.array([1.0, 0.0])}, (short,), initial_nav=100.0, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def orders():
    """vectorbt fed the obvious way."""
    from backtest.simulate.vbt import vbt

    def made(close, size, **options):
        return vbt.Portfolio.from_orders(
            pd.DataFrame(close), size=size, size_type="targetpercent", direction="both", group_by=True,
            cash_sharing=True, init_cash=100.0, call_seq="auto", freq="1D", **options,
        )  # fmt: skip

    return made


def test_a_hole_in_a_held_price_poisons_vectorbts_group_and_not_the_account(orders) -> None:
    close = np.full((4, 2), 10.0)
    close[2, 1] = np.nan
    size = np.array([[1.0, -0.5], [np.nan] * 2, [np.nan] * 2, [np.nan] * 2])
    assert np.isnan(orders(close, size).value(group_by=True)).sum() == 0  # with its defaults
    assert np.isnan(orders(close, size, fillna_close=False).value(group_by=True)).sum() == 1
    assert simulate(account_of(close)).nav.tolist() == [100.0] * 4


def test_carry_may_drive_cash_below_zero_and_the_next_order_still_fills() -> None:
    close = np.full((40, 2), 10.0)
    account = account_of(close, borrow_fee=3.0)
    ratio = np.full(40, np.nan)
    ratio[0], ratio[30] = 0.5, 0.2
    account = replace(account, shorts=(replace(account.shorts[0], ratio=ratio),))
    sim = simulate(account)
    own = sim.cash + sim.short_value  # cash without the proceeds
    assert own[29] < -10.0
    assert sim.short_value[30] == pytest.approx(-20.0)
    assert sim.lines["margin"].eq(0.0).all()  # the debit costs nothing: no spread and a rate of zero were given
    assert replay(account).error(sim.nav) < 1e-13


def test_locked_cash_halves_the_book_in_vectorbt_and_proceeds_are_no_lock_here(orders) -> None:
    close = np.full((2, 2), 10.0)
    size = np.array([[1.0, -0.5], [np.nan] * 2])
    locked = orders(close, size, lock_cash=True).asset_value(group_by=False).iloc[0].tolist()
    assert locked == pytest.approx([50.0, -50.0])  # asked for 100/50
    sim = simulate(account_of(close))
    assert sim.value[0].tolist() == [100.0, -50.0]


def test_vectorbt_sizes_before_costs_and_we_after(orders) -> None:
    close = np.full((2, 2), 10.0)
    theirs = orders(close, np.array([[0.5, -0.5], [np.nan] * 2]), fees=0.02)
    held = theirs.asset_value(group_by=False).iloc[0, 0]
    assert held / theirs.value().iloc[0] == pytest.approx(50.0 / 98.0)
    account = replace(account_of(close, 1.0, costs=Costs(half_spread=0.02)), exposure=0.5)
    sim = simulate(account)
    assert sim.value[0] / sim.nav[0] == pytest.approx([0.5, -0.5], rel=1e-14)
    assert sim.nav[0] == pytest.approx(100.0 / 1.02)


def test_what_was_asked_is_what_is_held_after_every_trade() -> None:
    """After each trade that sizes a short, dollars short are the ratio in force times the book, to rounding."""
    checked = 0
    for seed in range(6):
        panel = planted_panel(seed, 150, 20, splits=0.005, volatility=0.03)
        book = planted_targets(seed, panel, range(10), 5, 21)
        basket = planted_targets(seed, panel, range(10, 20), 6, 14)
        ratio = np.where(np.random.default_rng(seed).random(150) < 0.1, 0.2 + 0.01 * np.arange(150), np.nan)
        ratio[0] = 0.7
        sim = simulate(Account(panel, book, (ShortSleeve("basket", basket, ratio),), costs=Costs(half_spread=1e-3)))
        for t in sorted({*book, *basket, *np.flatnonzero(~np.isnan(ratio)).tolist()}):
            assert sim.short_value[t] == pytest.approx(-sim.held[t, 1] * sim.long_value[t], rel=1e-12)
            checked += 1
        positions = sim.positions()["basket"]
        for t, weights in basket.items():
            shares = positions.iloc[t]
            held = shares * panel.close[t, sim.tickers.get_indexer(shares.index)]
            asked = pd.Series(weights, index=sim.tickers).reindex(held.index) * -sim.short_value[t]
            assert -held.to_numpy() == pytest.approx(asked.to_numpy(), rel=1e-11, abs=1e-6)
    assert checked > 100


def test_any_index_of_sessions_has_a_frequency(orders) -> None:
    account = planted_account(5, limits=False)
    business = replace(account, panel=replace(account.panel, sessions=pd.bdate_range("2020-01-01", periods=len(
        account.panel.sessions
    ), freq="B")))  # fmt: skip
    gaps = account.panel.sessions[account.panel.sessions.day_of_year % 9 != 0]
    n = len(gaps)
    holed = replace(
        account.panel, sessions=gaps, close=account.panel.close[:n], dividend=account.panel.dividend[:n],
        split=account.panel.split[:n],
    )  # fmt: skip
    plain = Account(holed, {0: np.eye(holed.close.shape[1])[-1]}, initial_nav=1e6)
    for one in (business, plain):
        portfolio = daily_portfolio(simulate(one))
        assert np.isfinite(portfolio.sharpe_ratio())
        assert portfolio.wrapper.freq == pd.Timedelta("1D")


def test_the_daily_portfolio_sorts_no_rows(monkeypatch) -> None:
    """`call_seq='auto'` sorts every row anew, days without an order included: most of the time goes there."""
    from backtest.simulate.vbt import vbt

    asked: list[object] = []
    made = vbt.Portfolio.from_orders
    monkeypatch.setattr(
        vbt.Portfolio, "from_orders", lambda *args, **given: asked.append(given["call_seq"]) or made(*args, **given)
    )
    assert daily_error(simulate(planted_account(5, limits=False))) < 1e-11
    assert asked == ["reversed"]


def test_the_engine_is_part_of_the_manifest(make_result) -> None:
    from backtest.artifacts import manifest

    told = manifest(make_result())
    assert told["engine"] == {"event_rows": "numba", "daily": daily_engine()}
    assert {"vectorbt", "numba"} <= set(told["versions"])


def test_a_second_process_compiles_nothing() -> None:
    """The first process here compiles or finds the code; another one must find every function of ours on disk."""
    code = (
        "from backtest.planted import planted_account; from backtest.simulate import simulate, vbt, kernel\n"
        "sim = simulate(planted_account(5, limits=False))\n"
        "made = [f for m in (vbt, kernel) for f in vars(m).values() if hasattr(f, 'stats') and hasattr(f, 'py_func')"
        " and f.py_func.__module__.startswith('backtest')]\n"
        "print(sum(sum(f.stats.cache_misses.values()) for f in made), vbt.run_account.stats.cache_hits.total())"
    )
    simulate(planted_account(5, limits=False))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=str(ROOT), env=dict(os.environ)
    )
    assert done.stdout.split() == ["0", "1"]


def test_a_delisted_short_in_a_squeeze_under_margin_and_recall_is_one_story_in_all_three_ledgers() -> None:
    """Everything at once, by hand: a squeeze, a call, a cut, then the squeezed name ends at half its price."""
    path = [10.0, 12.0, 15.0, 16.0, 16.0, np.nan, np.nan]
    close = np.column_stack([np.full(7, 10.0), path])
    from backtest.margin import regulation_t

    ended = Delistings(np.array(["NaT", "2024-01-08"], dtype="datetime64[ns]"), np.array([0.0, -0.5]))
    account = replace(account_of(close, 1.0), margin=regulation_t(close), delistings=ended)
    sim = simulate(account)
    # At 15: NAV 50 against 25 + 15 x max(.3, 5 / 15) x 10 = 75: a call; at 16: NAV 40 against 25 + .3125 x 160 = 75.
    assert sim.called.tolist() == [False, False, True, False, False, False, False]
    share = 40.0 / 75.0
    assert sim.long_value[3] == pytest.approx(100.0 * share)
    assert sim.short_value[3] == pytest.approx(-160.0 * share)
    assert sim.nav[-1] == pytest.approx(40.0 + 80.0 * share)
    assert replay(account).error(sim.nav) < 1e-13
    assert daily_error(sim) < 1e-12
