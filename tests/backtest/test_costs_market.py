"""Trading costs, impact, volume limits, short caps, interest, rebate and swaps, retyped by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest.carry import Financing, Swap, accruals, day_counts
from backtest.costs import Costs, rates
from backtest.ledger import replay
from backtest.planted import planted_panel
from backtest.simulate import Account, ShortSleeve, simulate
from basket.trading_cost import half_spread
from market.errors import ConfigError


def flat(n_sessions: int = 6, n_assets: int = 2, price: float = 10.0, start: str = "2024-01-02"):
    panel = planted_panel(0, n_sessions, n_assets, start=start)
    return replace(panel, close=np.full((n_sessions, n_assets), price), dividend=np.zeros((n_sessions, n_assets)))


def long_short(ratio: float = 0.5, **options) -> Account:
    short = ShortSleeve("basket", {0: np.array([0.0, 1.0])}, ratio, swap=options.pop("swap", None))
    return Account(flat(), {0: np.array([1.0, 0.0])}, (short,), initial_nav=1e6, **options)


def test_a_sell_pays_the_sell_fee_and_a_buy_does_not():
    sim = simulate(long_short(costs=Costs(half_spread=4e-4, commission=1e-4, sell_fee=3e-4)))
    # A = 1e6 - A * .0005 - .5 A * .0008
    after = 1e6 / (1 + 0.0005 + 0.5 * 0.0008)
    assert sim.nav[0] == pytest.approx(after, rel=1e-14)
    assert sim.orders["cost"].tolist() == pytest.approx([after * 0.0005, 0.5 * after * 0.0008], rel=1e-12)


def test_square_root_impact_by_hand():
    costs = Costs(impact=0.8, volatility=0.02, adv_usd=5e6)
    sim = simulate(long_short(0.0, costs=costs))
    # Solve A = 1e6 - A * .8 * .02 * sqrt(A / 5e6) by repetition.
    after = 1e6
    for _ in range(200):
        after = 1e6 - after * 0.8 * 0.02 * np.sqrt(after / 5e6)
    assert sim.nav[0] == pytest.approx(after, rel=1e-13)


def test_half_spread_tiers_follow_market_capitalisation():
    caps = [60e9, 50e9, 49.9e9, 10e9, 9.9e9, 2e9, 1.9e9, 0.5e9, 0.49e9]
    assert (half_spread(caps) * 1e4).round(6).tolist() == [1, 1, 2, 2, 5, 5, 12, 12, 30]


def test_impact_without_volume_or_volatility_is_a_config_error():
    with pytest.raises(ConfigError, match="adv_usd"):
        rates(Costs(impact=1.0), 3, 2)
    with pytest.raises(ConfigError, match="volatility"):
        rates(Costs(impact=1.0, adv_usd=1e6), 3, 2)
    with pytest.raises(ConfigError, match="adv_usd"):
        rates(Costs(participation=0.1), 3, 2)
    with pytest.raises(ConfigError, match="participation above 0"):
        rates(Costs(participation=0.0, adv_usd=1e6), 3, 2)


def test_a_volume_limit_fills_in_parts_and_drops_the_rest():
    costs = Costs(adv_usd=1e6, participation=0.25, work_sessions=2)
    sim = simulate(long_short(0.0, costs=costs))
    assert sim.long_value.tolist() == pytest.approx([0.25e6, 0.5e6, 0.75e6, 0.75e6, 0.75e6, 0.75e6])
    patient = simulate(long_short(0.0, costs=replace(costs, work_sessions=9)))
    assert patient.long_value.tolist() == pytest.approx([0.25e6, 0.5e6, 0.75e6, 1e6, 1e6, 1e6])
    assert replay(patient.account).error(patient.nav) < 1e-13


def test_a_short_follows_the_book_it_has_and_not_the_one_it_wanted():
    costs = Costs(adv_usd=np.array([1e6, np.inf]), participation=0.25, work_sessions=0)
    sim = simulate(long_short(0.5, costs=costs))
    assert sim.short_value[0] == pytest.approx(-0.125e6)


def test_a_locate_limit_caps_new_shorts_and_a_ban_stops_them_but_never_a_buy_back():
    capped = simulate(long_short(0.5, short_cap_usd=2e5))
    assert capped.short_value[0] == pytest.approx(-2e5)
    ban = np.full((6, 1), np.inf)
    ban[2:] = 0.0
    ratio = np.array([0.3, np.nan, 0.6, np.nan, 0.1, np.nan])
    account = long_short(0.5, short_cap_usd=ban)
    account = replace(account, shorts=(replace(account.shorts[0], ratio=ratio),))
    sim = simulate(account)
    assert (-sim.short_value / 1e6).tolist() == pytest.approx([0.3, 0.3, 0.3, 0.3, 0.1, 0.1])
    assert replay(account).error(sim.nav) < 1e-13


def test_rebate_and_fee_are_two_lines_that_never_double_count():
    terms = Financing(benchmark=0.05, rebate_spread=0.0035)
    sim = simulate(long_short(0.5, financing=terms, borrow_fee=0.012))
    night = 1 / 360
    line = sim.lines.iloc[1]
    assert line["rebate"] == pytest.approx((0.05 - 0.0035) * 0.5e6 * night)
    assert line["borrow"] == pytest.approx(-0.012 * 0.5e6 * night)
    assert line["interest"] == 0.0  # own money is all in the book: NAV less long value is nothing
    # The identity: interest + rebate = r (NAV - long) + (benchmark - spread) |short|, on any mix.
    half = replace(long_short(0.5, financing=terms), exposure=0.4)
    other = simulate(half)
    expected = 0.05 * (1e6 - 0.4e6) * night + (0.05 - 0.0035) * 0.2e6 * night
    assert other.lines[["interest", "rebate"]].iloc[1].sum() == pytest.approx(expected)


def test_retail_terms_pay_no_rebate_at_all():
    sim = simulate(long_short(0.5, financing=Financing(benchmark=0.05, rebate_spread=0.05)))
    assert sim.lines["rebate"].abs().max() == 0.0


def test_a_swap_pays_financing_on_its_notional_and_has_no_borrow_line():
    swap = Swap(spread=0.006, initial_margin=0.2, margin_spread=0.002)
    account = long_short(0.5, swap=swap, financing=Financing(benchmark=0.05), borrow_fee=0.5)
    close = account.panel.close.copy()
    close[1:, 1] = 12.0
    account = replace(account, panel=replace(account.panel, close=close))
    sim = simulate(account)
    assert sim.lines["borrow"].abs().max() == 0.0
    rate = 0.05 - 0.006 - 0.2 * 0.002
    nights = day_counts(account.panel.sessions)
    assert sim.lines["rebate"].tolist() == pytest.approx((rate * 0.5e6 * nights / 360).tolist())
    daily = replace(account, shorts=(replace(account.shorts[0], swap=replace(swap, reset="daily")),))
    assert simulate(daily).lines["rebate"].iloc[2] == pytest.approx(rate * 0.6e6 * nights[2] / 360)
    assert replay(account).error(sim.nav) < 1e-13
    with pytest.raises(ConfigError, match=r"swap\.reset"):
        simulate(replace(account, shorts=(replace(account.shorts[0], swap=Swap(reset="weekly")),)))


def test_day_counts_around_the_changes_of_settlement():
    sessions = pd.bdate_range("2017-08-31", "2017-09-08")
    lagged = day_counts(sessions, "standard")
    # T+3 until Friday the 1st, T+2 from Tuesday the 5th (Monday the 4th counted here as a weekday).
    assert lagged.tolist() == [0, 1, 1, 0, 1, 3, 1]
    assert day_counts(sessions).sum() == 8
    with pytest.raises(ConfigError, match="settlement"):
        day_counts(sessions, "T+1")


def test_rates_of_the_night_are_those_known_before_it():
    sessions = pd.bdate_range("2024-01-03", periods=4)
    terms = accruals(sessions, Financing(benchmark=np.array([0.01, 0.02, 0.03, 0.04])[:, None]))
    assert (terms.credit * 360).tolist() == pytest.approx([0.0, 0.01, 0.02, 0.03 * 3])
