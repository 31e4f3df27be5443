"""The engine against the plain ledger and against vectorbt day by day, and the identities any account must keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.ledger import replay
from backtest.planted import planted_account, planted_panel, planted_targets
from backtest.simulate import (
    LINES,
    Account,
    Costs,
    Delistings,
    Desk,
    Financing,
    ShortSleeve,
    Variant,
    simulate,
    simulate_many,
)
from backtest.simulate.daily import daily_error
from market.errors import ConfigError, DataError

SEEDS = st.integers(min_value=0, max_value=10**6)
TIGHT = 1e-11


def simulated(seed: int, **options: bool):
    """A planted account and its simulation; None where its random targets name nothing that trades."""
    account = planted_account(seed, **options)
    try:
        return account, simulate(account)
    except DataError:
        return account, None


def living(sim) -> int:
    return len(sim.nav) if sim.ruined is None else sim.ruined


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_engine_equals_the_plain_ledger_in_nav_and_in_every_line(seed):
    account, sim = simulated(seed)
    if sim is None:
        return
    book = replay(account)
    assert book.ruined == sim.ruined
    assert book.error(sim.nav) < TIGHT
    assert book.max_identity_error < TIGHT
    for kind in LINES:
        gap = np.abs(sim.lines[kind].to_numpy() - book.lines[kind])[: living(sim)]
        assert gap.max(initial=0.0) < TIGHT * account.initial_nav, kind


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_orders_alone_rebuild_nav_and_lines_sum_to_its_change(seed):
    account, sim = simulated(seed)
    if sim is None:
        return
    assert sim.identity_error < TIGHT
    change = np.diff(sim.nav, prepend=account.initial_nav)
    assert np.abs(sim.lines.sum(axis=1).to_numpy() - change).max() < 1e-13 * np.abs(sim.nav).max() * 10


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_attribution_sums_by_day_by_sleeve_and_by_name(seed):
    account, sim = simulated(seed)
    if sim is None:
        return
    by_kind = sim.lines.sum()
    by_sleeve = sim.lines_by_sleeve()
    whole = sim.nav[-1] - account.initial_nav
    assert by_kind.sum() == pytest.approx(whole, abs=1e-3)
    assert by_sleeve.to_numpy().sum() == pytest.approx(whole, abs=1e-3)
    if sim.ruined is None:
        names = sim.by_name().groupby("sleeve").sum()
        for sleeve, row in names.iterrows():
            for kind, value in row.items():
                assert value == pytest.approx(by_sleeve.loc[sleeve, kind], abs=1e-3), (sleeve, kind)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_daily_vectorbt_portfolio_has_the_same_nav(seed):
    _, sim = simulated(seed)
    if sim is not None and len(sim.records):
        assert daily_error(sim) < 1e-10


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_many_at_once_equals_one_at_a_time(seed):
    account, sim = simulated(seed)
    if sim is None:
        return
    variants = [
        Variant(account.shorts, exposure=account.exposure),
        Variant((replace(account.shorts[0], ratio=0.7),), exposure=account.exposure),
        Variant((), exposure=account.exposure),
    ]
    many = simulate_many(account, variants)
    assert np.abs(many.nav[0] / sim.nav - 1)[: living(sim)].max() < TIGHT
    alone = simulate(replace(account, shorts=variants[1].shorts))
    assert np.abs(many.nav[1] / alone.nav - 1)[: living(alone)].max() < TIGHT
    assert many.lines[1] == pytest.approx(alone.lines.sum().to_numpy(), abs=1.0)
    assert many.traded[0] == pytest.approx(sim.traded.sum(), rel=1e-9)
    again = simulate_many(account, variants, workers=2)
    assert again.nav.tobytes() == many.nav.tobytes()


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_ratio_of_zero_is_the_long_book_to_the_bit(seed):
    account, sim = simulated(seed)
    if sim is None:
        return
    none = replace(account, shorts=tuple(replace(s, ratio=0.0) for s in account.shorts))
    assert simulate(none).nav.tobytes() == simulate(replace(account, shorts=())).nav.tobytes()


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from([2.0, 0.5, 1e3, 1e-2]))
def test_scaling_all_prices_changes_nothing(seed, factor):
    account, sim = simulated(seed)
    if sim is None:
        return
    panel = account.panel
    scaled = replace(panel, close=panel.close * factor, dividend=panel.dividend * factor)
    other = simulate(replace(account, panel=scaled))
    assert np.abs(other.nav / sim.nav - 1)[: living(sim)].max() < TIGHT


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_splitting_a_name_changes_nothing(seed):
    account, sim = simulated(seed)
    if sim is None:
        return
    panel = account.panel
    rng = np.random.default_rng(seed)
    extra = np.ones_like(panel.split)
    extra[rng.integers(1, len(extra), 5), rng.integers(0, extra.shape[1], 5)] = rng.choice([2.0, 7.0, 0.1], 5)
    factor = np.cumprod(extra, axis=0)
    split = replace(panel, close=panel.close / factor, dividend=panel.dividend / factor, split=panel.split * extra)
    other = simulate(replace(account, panel=split))
    assert np.abs(other.nav / sim.nav - 1)[: living(sim)].max() < TIGHT


def poisoned(array: np.ndarray, cut: int, rng: np.random.Generator) -> np.ndarray:
    if np.ndim(array) < 2 or len(array) == 1:
        return array
    out = np.array(array)
    out[cut:] = out[cut:] * rng.uniform(0.2, 5.0, out[cut:].shape)
    return out


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.floats(0.2, 0.9))
def test_what_comes_later_changes_nothing_before(seed, share):
    account, sim = simulated(seed)
    if sim is None:
        return
    rng = np.random.default_rng(seed + 1)
    panel = account.panel
    cut = max(2, int(share * len(sim.nav)))
    close = poisoned(panel.close, cut, rng)
    close[cut:][rng.random(close[cut:].shape) < 0.05] = np.nan
    close[:, -1] = np.where(np.isnan(close[:, -1]), 50.0, close[:, -1])
    later = {t: w for t, w in account.long_targets.items() if t >= cut}
    shuffled = {t: np.roll(w, 1) for t, w in later.items()}
    delistings = account.delistings
    known = pd.DatetimeIndex(delistings.last_session) < panel.sessions[cut - 1]
    other = replace(
        account,
        panel=replace(
            panel, close=close, dividend=poisoned(panel.dividend, cut, rng), split=poisoned(panel.split, cut, rng)
        ),
        long_targets={**account.long_targets, **shuffled},
        borrow_fee=poisoned(account.borrow_fee, cut, rng),
        delistings=Delistings(
            np.where(known, delistings.last_session, np.datetime64("NaT", "ns")), delistings.total_return
        ),
    )
    before = replace(account, delistings=other.delistings)
    try:
        kept, changed = simulate(before), simulate(other)
    except DataError:
        return
    assert changed.nav[:cut].tobytes() == kept.nav[:cut].tobytes()
    assert changed.lines.to_numpy()[:cut].tobytes() == kept.lines.to_numpy()[:cut].tobytes()


def test_the_same_input_gives_the_same_bytes():
    account = planted_account(11)
    first, second = simulate(account), simulate(account)
    assert first.nav.tobytes() == second.nav.tobytes()
    assert first.records.tobytes() == second.records.tobytes()


def twin(n_sessions: int = 200, dividends: float = 0.02) -> tuple[Account, dict[int, np.ndarray]]:
    panel = planted_panel(3, n_sessions, 12, dividends=dividends, splits=0.005)
    targets = planted_targets(3, panel, range(12), 5, 21)
    return Account(panel, targets, (ShortSleeve("basket", targets, 1.0),), initial_nav=1e8), targets


def test_a_basket_that_is_the_book_at_ratio_one_is_cash():
    account, _ = twin()
    assert np.abs(simulate(account).nav / 1e8 - 1).max() < 1e-12


def test_a_basket_that_is_the_book_at_ratio_one_is_cash_minus_costs():
    account, targets = twin()
    rate = 7e-4
    sim = simulate(replace(account, costs=Costs(half_spread=5e-4, commission=2e-4)))
    paid = -sim.lines["trading"].sum()
    assert sim.nav[-1] == pytest.approx(1e8 - paid, rel=1e-13)
    assert paid == pytest.approx(rate * sim.traded.sum(), rel=1e-12)
    assert sim.lines["dividends_received"].sum() == pytest.approx(-sim.lines["dividends_owed"].sum(), rel=1e-12)
    assert len(targets) == len(set(sim.records["idx"]))


def test_a_basket_that_is_the_book_earns_the_bill_rate_when_the_rebate_is_full():
    account, _ = twin()
    sim = simulate(replace(account, financing=Financing(benchmark=0.05)))
    days = np.diff(sim.sessions.to_numpy().astype("datetime64[D]").astype(int))
    # Long value equals short value: all of NAV is the proceeds' rebate, compounded daily on actual/360.
    assert sim.nav[-1] == pytest.approx(1e8 * np.prod(1 + 0.05 * days / 360), rel=1e-12)


def test_three_sessions_by_hand():
    """Two names, a weekend, a split, a dividend on each side, a fee and a rate: every line retyped."""
    sessions = pd.DatetimeIndex(["2024-01-04", "2024-01-05", "2024-01-08"])
    panel = replace(
        planted_panel(0, 3, 2),
        sessions=sessions,
        close=np.array([[100.0, 50.0], [104.0, 24.0], [103.0, 27.0]]),
        split=np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 1.0]]),
        dividend=np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 0.25]]),
    )
    account = Account(
        panel,
        {0: np.array([0.9, 0.0])},
        (ShortSleeve("basket", {0: np.array([0.0, 1.0])}, np.array([0.5, np.nan, np.nan])),),
        costs=Costs(half_spread=0.001),
        financing=Financing(benchmark=0.036, rebate_spread=0.0036, credit_spread=0.0018),
        borrow_fee=0.072,
        initial_nav=1_000_000.0,
    )
    sim = simulate(account)
    # After costs A: long .9 A, short .45 A, costs .001 (.9 A + .45 A); A = 1e6 / 1.00135.
    after = 1_000_000.0 / 1.00135
    long, short = 0.9 * after / 100.0, 0.45 * after / 50.0
    assert sim.nav[0] == pytest.approx(after, rel=1e-14)
    friday = {
        "long": long * 4.0,
        "short": -(2 * short * 24.0 - short * 50.0),
        "dividends_received": long * 1.5,
        "borrow": -0.072 * 0.45 * after * 1 / 360,
        "rebate": (0.036 - 0.0036) * 0.45 * after * 1 / 360,
        "interest": (0.036 - 0.0018) * 0.1 * after * 1 / 360,
    }
    for kind, value in friday.items():
        assert sim.lines[kind].iloc[1] == pytest.approx(value, rel=1e-12), kind
    nav = after + sum(friday.values())
    assert sim.nav[1] == pytest.approx(nav, rel=1e-14)
    monday = {
        "long": -long * 1.0,
        "short": -2 * short * 3.0,
        "dividends_owed": -2 * short * 0.25,
        "borrow": -0.072 * 2 * short * 24.0 * 3 / 360,
        "rebate": (0.036 - 0.0036) * 2 * short * 24.0 * 3 / 360,
        "interest": (0.036 - 0.0018) * (nav - long * 104.0) * 3 / 360,
    }
    for kind, value in monday.items():
        assert sim.lines[kind].iloc[2] == pytest.approx(value, rel=1e-12), kind
    assert sim.nav[2] == pytest.approx(nav + sum(monday.values()), rel=1e-14)
    assert list(sim.orders["shares"]) == pytest.approx([long, -short], rel=1e-13)
    assert sim.positions()[("basket", "N0001")].tolist() == pytest.approx([-short, -2 * short, -2 * short], rel=1e-13)


def test_a_ratio_change_rescales_the_shorts_only_and_to_the_book_of_that_day():
    panel = planted_panel(5, 60, 10, dividends=0.0)
    book = {0: np.r_[np.full(5, 0.2), np.zeros(5)]}
    basket = {0: np.r_[np.zeros(5), np.full(5, 0.2)]}
    ratio = np.full(60, np.nan)
    ratio[0], ratio[30] = 0.4, 0.9
    sim = simulate(Account(panel, book, (ShortSleeve("basket", basket, ratio),)))
    assert set(sim.orders.loc[sim.orders["date"] == panel.sessions[30], "sleeve"]) == {"basket"}
    assert sim.short_value[30] == pytest.approx(-0.9 * sim.long_value[30], rel=1e-13)
    before = sim.positions()["basket"].iloc[29]
    after = sim.positions()["basket"].iloc[30]
    assert (after / before).std() < 1e-12  # drifted weights are kept


def test_refresh_sets_the_notional_right_without_a_new_ratio():
    panel = planted_panel(5, 60, 10, dividends=0.0)
    book = {0: np.r_[np.full(5, 0.2), np.zeros(5)]}
    basket = {0: np.r_[np.zeros(5), np.full(5, 0.2)]}
    refresh = np.zeros(60, dtype=bool)
    refresh[40] = True
    sim = simulate(Account(panel, book, (ShortSleeve("basket", basket, 0.5, refresh=refresh),)))
    assert sim.short_value[40] == pytest.approx(-0.5 * sim.long_value[40], rel=1e-13)
    assert abs(sim.short_value[39] + 0.5 * sim.long_value[39]) > 1e-4 * sim.long_value[39]


def test_wrong_arguments_are_config_errors():
    account, targets = twin(30)
    with pytest.raises(ConfigError, match="hedge ratio"):
        simulate(replace(account, shorts=(ShortSleeve("basket", targets, -0.5),)))
    with pytest.raises(ConfigError, match="different names"):
        simulate(replace(account, shorts=(ShortSleeve("book", targets, 0.5),)))
    with pytest.raises(ConfigError, match="initial_nav"):
        simulate(replace(account, initial_nav=0.0))
    with pytest.raises(ConfigError, match=r"between 0 and 0\.25"):
        simulate(replace(account, costs=Costs(half_spread=5.0)))
    square = planted_panel(1, 12, 12)
    with pytest.raises(ConfigError, match="one per name or one per session"):
        simulate(Account(square, {0: np.full(12, 1 / 12)}, borrow_fee=np.full(12, 0.01)))


def test_a_missing_fee_of_a_shorted_name_is_a_data_error_and_of_another_is_not():
    account, targets = twin(40)
    used = np.any([w > 0 for w in targets.values()], axis=0)
    simulate(replace(account, borrow_fee=np.where(used, 0.01, np.nan)))
    with pytest.raises(DataError, match="borrow fee"):
        simulate(replace(account, borrow_fee=np.where(used, np.nan, 0.01)))


def test_desk_may_be_shared_between_accounts():
    account, _ = twin(60)
    desk = Desk.of(account)
    assert simulate(account, desk).nav.tobytes() == simulate(account).nav.tobytes()
