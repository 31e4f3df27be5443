"""Requirements, calls, cuts, the buffer of a squeeze; recalls and buy-ins. Retyped by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest.ledger import replay
from backtest.margin import Margin, liquidity, portfolio_margin, regulation_t, usage
from backtest.planted import planted_panel, planted_targets
from backtest.recalls import seeded_recalls
from backtest.simulate import Account, ShortSleeve, Variant, simulate, simulate_many
from backtest.simulate.sleeves import Recalls
from market.errors import ConfigError


def of(close: np.ndarray):
    panel = planted_panel(0, *close.shape, start="2024-01-02")
    return replace(panel, close=close, dividend=np.zeros_like(close), split=np.ones_like(close))


def squeezed(path: list[float], margin: Margin | None = None, ratio: float = 1.0) -> Account:
    """A flat book of 100 and a short of 100 * ratio whose price follows `path`."""
    close = np.column_stack([np.full(len(path), 50.0), path])
    short = ShortSleeve("basket", {0: np.array([0.0, 1.0])}, ratio)
    return Account(of(close), {0: np.array([1.0, 0.0])}, (short,), initial_nav=100.0, margin=margin)


def test_finra_4210_by_price_of_the_share():
    margin = regulation_t(np.array([[100.0, 16.0, 5.0, 4.99, 2.0, np.nan]]))
    short = np.asarray(margin.maintenance_short)[0]
    assert short[:5].tolist() == pytest.approx([0.30, 5 / 16, 1.0, 1.0, 1.25])
    assert margin.initial_long == margin.initial_short == 0.5
    later = regulation_t(np.array([[10.0], [np.nan]]))
    assert np.asarray(later.maintenance_short).ravel().tolist() == [0.5, 0.5]


def test_portfolio_margin_is_milder_on_indices():
    margin = portfolio_margin(np.array([False, True]))
    assert np.asarray(margin.maintenance_short).tolist() == [[0.15, 0.08]]
    with pytest.raises(ConfigError, match="margin"):
        portfolio_margin(np.array([True]), rate=0.05, index_rate=0.08)


def test_usage_by_hand():
    sim = simulate(squeezed([50.0, 60.0], ratio=0.5))
    table = usage(sim, regulation_t(sim.account.panel.close))
    # long 100 at 25 %; short 50, then 60, at 30 %.
    assert table["required"].tolist() == pytest.approx([40.0, 43.0])
    assert table["excess"].tolist() == pytest.approx([60.0, 47.0])
    assert table["used"].iloc[1] == pytest.approx(43.0 / 90.0)


def test_the_buffer_is_the_worst_shortfall_and_the_squeeze_the_worst_month():
    path = [50.0, 55.0, 75.0, 80.0, 60.0, 60.0]
    sim = simulate(squeezed(path))
    need = liquidity(sim, regulation_t(sim.account.panel.close))
    # At 80: NAV 100 - 60 = 40; required 25 + .3 * 160 = 73.
    assert need.shortfall == pytest.approx(33.0)
    assert need.shortfall_on == sim.sessions[3]
    assert need.calls == 2  # at 75 (50 against 70) and at 80; at 60 NAV 80 covers 61
    assert need.peak_usage == pytest.approx(73.0 / 40.0)
    assert need.squeeze == pytest.approx(45.0 + 33.0)
    assert (need.squeeze_from, need.squeeze_to) == (sim.sessions[0], sim.sessions[3])


def test_initial_margin_shrinks_what_is_new_pro_rata():
    sim = simulate(squeezed([50.0] * 3, regulation_t(np.full((3, 2), 50.0)), ratio=2.0))
    # 100 long and 200 short need 150: two thirds of both.
    assert sim.long_value[0] == pytest.approx(100.0 * 2 / 3)
    assert sim.short_value[0] == pytest.approx(-200.0 * 2 / 3)
    assert not sim.called.any()


def test_a_call_waits_for_the_next_close_and_cuts_everything_pro_rata():
    path = [50.0, 55.0, 70.0, 72.0, 72.0]
    close = np.column_stack([np.full(5, 50.0), path])
    sim = simulate(squeezed(path, regulation_t(close)))
    # At 70: NAV 60 against 25 + .3 * 140 = 67: a call. At 72: NAV 56 against 25 + 43.2 = 68.2: cut to 56 / 68.2.
    assert sim.called.tolist() == [False, False, True, False, False]
    share = 56.0 / 68.2
    assert sim.long_value[2:].tolist() == pytest.approx([100.0, 100.0 * share, 100.0 * share])
    assert sim.short_value[3] == pytest.approx(-144.0 * share)
    assert sim.required[3] == pytest.approx(sim.nav[3])
    assert replay(sim.account).error(sim.nav) < 1e-13


def test_a_call_that_the_market_cures_cuts_nothing():
    path = [50.0, 55.0, 70.0, 55.0, 55.0]
    close = np.column_stack([np.full(5, 50.0), path])
    sim = simulate(squeezed(path, regulation_t(close)))
    assert sim.called.tolist() == [False, False, True, False, False]
    assert len(sim.records) == 2


def test_margin_that_only_measures_changes_nothing():
    path = [50.0, 55.0, 70.0, 72.0, 72.0]
    close = np.column_stack([np.full(5, 50.0), path])
    free = simulate(squeezed(path))
    measured = simulate(squeezed(path, regulation_t(close, enforce=False)))
    assert measured.nav.tobytes() == free.nav.tobytes()


def test_many_accounts_obey_margin_too():
    path = [50.0, 55.0, 70.0, 72.0, 72.0]
    account = squeezed(path, regulation_t(np.column_stack([np.full(5, 50.0), path])))
    many = simulate_many(account, [Variant(account.shorts), Variant()])
    assert many.nav[0] == pytest.approx(simulate(account).nav, rel=1e-13)


def test_a_recalled_name_is_bought_in_and_comes_back_when_its_lock_ends():
    close = np.full((9, 3), 10.0)
    recalled = np.zeros((9, 3), dtype=bool)
    recalled[2, 1] = recalled[3, 2] = recalled[4, 0] = True  # the book's own shares are not on loan
    recalls = Recalls(recalled, lock_sessions=3)
    short = ShortSleeve("basket", {0: np.array([0.0, 0.5, 0.5])}, 0.5, recalls=recalls)
    sim = simulate(Account(of(close), {0: np.array([1.0, 0.0, 0.0])}, (short,), initial_nav=100.0))
    held = sim.positions()["basket"]
    # N0001 is out on 2 and may return on 6; N0002 is out on 3 and may return on 7.
    assert held["N0001"].tolist() == [-2.5, -2.5, 0, 0, 0, 0, -5.0, -2.5, -2.5]
    assert held["N0002"].tolist() == [-2.5, -2.5, -2.5, 0, 0, 0, 0, -2.5, -2.5]
    assert replay(sim.account).error(sim.nav) < 1e-13


def test_a_recall_of_a_name_not_held_locks_nothing():
    close = np.full((6, 2), 10.0)
    recalled = np.zeros((6, 2), dtype=bool)
    recalled[1, 1] = True
    short = ShortSleeve("basket", {2: np.array([0.0, 1.0])}, 0.5, recalls=Recalls(recalled, 23))
    sim = simulate(Account(of(close), {0: np.array([1.0, 0.0])}, (short,), initial_nav=100.0))
    assert sim.short_value.tolist() == [0, 0, -50, -50, -50, -50]


def test_recalls_depend_on_seed_ticker_and_date_alone():
    panel = planted_panel(1, 400, 12)
    fee = np.full(12, 0.05)
    whole = seeded_recalls(panel.sessions, panel.tickers, fee, seed=7, hazard=0.05)
    part = seeded_recalls(panel.sessions[100:300], panel.tickers[[3, 8]], fee[:2], seed=7, hazard=0.05)
    assert (part.recalled == whole.recalled[100:300][:, [3, 8]]).all()
    other = seeded_recalls(panel.sessions, panel.tickers, fee, seed=8, hazard=0.05)
    assert (other.recalled != whole.recalled).any()


def test_recalls_come_at_two_per_cent_a_month_for_specials_and_a_tenth_for_the_rest():
    sessions = pd.bdate_range("2015-01-01", periods=2520)
    tickers = pd.Index([f"N{i}" for i in range(200)])
    fee = np.r_[np.full(100, 0.05), np.full(100, 0.003)]
    drawn = seeded_recalls(sessions, tickers, fee[None, :], seed=1).recalled
    per_month = drawn.mean(axis=0) * 21
    assert per_month[:100].mean() == pytest.approx(0.02, rel=0.1)
    assert per_month[100:].mean() == pytest.approx(0.002, rel=0.3)


def test_recalls_hurt_a_basket_that_falls_and_the_ledger_agrees():
    panel = planted_panel(9, 250, 20)
    book = planted_targets(1, panel, range(10), 5, 63)
    basket = planted_targets(2, panel, range(10, 20), 6, 63)
    recalls = seeded_recalls(panel.sessions, panel.tickers, 0.05, seed=3, hazard=0.02)
    account = Account(panel, book, (ShortSleeve("basket", basket, 0.6, recalls=recalls),))
    sim = simulate(account)
    assert len(sim.records) > len(simulate(replace(account, shorts=(ShortSleeve("basket", basket, 0.6),))).records)
    assert replay(account).error(sim.nav) < 1e-12
    assert np.abs(simulate_many(account, [Variant(account.shorts)]).nav[0] / sim.nav - 1).max() < 1e-12
