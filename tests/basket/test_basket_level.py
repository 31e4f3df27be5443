from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basket.actions import CorporateAction, read_actions
from basket.level import build_history, excess_level
from basket.prices import index_prices
from market.errors import ConfigError, DataError


def targets(panel, rows: dict[int, dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame({panel.sessions[at]: pd.Series(row) for at, row in rows.items()}).T


HALF = {"A": 0.5, "B": 0.5}


def test_fixture_prices_move_but_the_level_does_not(make_panel) -> None:
    panel = make_panel([[10, 20], [11, 18]])
    built = build_history(targets(panel, {0: HALF}), panel)
    assert built.stretches[0].shares.tolist() == [5.0, 2.5]
    assert built.price_level.tolist() == [100.0, 100.0]


def test_fixture_split_is_no_event(make_panel) -> None:
    panel = make_panel([[10, 20], [11, 18], [5.5, 18]], split=[[1, 1], [1, 1], [2, 1]])
    built = build_history(targets(panel, {0: HALF}), panel)
    assert built.price_level.tolist() == [100.0, 100.0, 100.0]
    assert (built.stretches[0].shares * built.prices.factor[2, :2]).tolist() == [10.0, 2.5]


def test_fixture_dividend_leaves_total_return_unchanged(make_panel) -> None:
    panel = make_panel([[10, 20], [11, 18], [10, 18]], dividend=[[0, 0], [0, 0], [1, 0]])
    built = build_history(targets(panel, {0: HALF}), panel)
    assert built.price_level.tolist() == [100.0, 100.0, 95.0]
    assert built.level.tolist() == pytest.approx([100.0, 100.0, 100.0], abs=1e-12)


def test_fixture_replacement_keeps_the_level(make_panel) -> None:
    panel = make_panel([[10, 20, 40], [11, 18, 40], [10, 18, 40], [12, 18, 44]])
    built = build_history(targets(panel, {0: HALF, 2: {"A": 0.5, "C": 0.5}}), panel)
    assert built.price_level[2] == 95.0
    # 47.5 of A at 10 and of C at 40: 4.75 and 1.1875 shares.
    assert built.price_level[3] == pytest.approx(4.75 * 12 + 1.1875 * 44, abs=1e-12)
    assert built.divisor().tolist() == [1.0, 1.0, 1.0, 1.0]


def test_one_way_turnover_is_against_drifted_weights(make_panel) -> None:
    panel = make_panel([[10, 10], [20, 10], [20, 10]])
    built = build_history(targets(panel, {0: HALF, 1: HALF}), panel)
    # Drifted to 2/3 and 1/3: a sixth is sold and bought. The inception buys everything from cash.
    assert built.turnover.tolist() == pytest.approx([1.0, 1 / 6])


def test_drifting_is_not_daily_rebalancing(make_panel) -> None:
    panel = make_panel([[10, 10], [20, 10], [40, 10]])
    built = build_history(targets(panel, {0: HALF}), panel)
    assert built.level[-1] == pytest.approx(250.0)  # daily rebalancing would give 225
    columns, drifted = built.drifted()
    assert columns.tolist() == [0, 1]
    np.testing.assert_allclose(drifted, [[0.5, 0.5], [2 / 3, 1 / 3], [0.8, 0.2]])


def test_a_name_without_a_price_is_not_bought(make_panel) -> None:
    panel = make_panel([[10, np.nan, 10], [11, 5, 10]])
    built = build_history(targets(panel, {0: {"A": 0.4, "B": 0.2, "C": 0.4}}), panel)
    np.testing.assert_allclose(built.weights[0], [0.5, 0, 0.5])
    assert built.events[0][1:4] == ("B", "not_bought", 0.2)


def test_a_halted_name_is_carried_and_not_sold(make_panel) -> None:
    close = np.full((12, 3), 10.0)
    close[3:10, 1] = np.nan
    close[10:, 1] = 8.0
    panel = make_panel(close)
    built = build_history(targets(panel, {0: HALF, 5: {"A": 0.5, "C": 0.5}}), panel)
    np.testing.assert_allclose(built.weights[1], [0.25, 0.5, 0.25])  # B cannot be sold: it keeps its drifted half
    assert built.price_level[9] == 100.0
    assert built.price_level[10] == pytest.approx(90.0)
    assert [(e.event, e.session) for e in built.events] == [
        ("not_traded", panel.sessions[5]),
        ("halted", panel.sessions[8]),
    ]


def test_a_price_that_stops_without_a_word_is_ended_after_a_month(make_panel) -> None:
    close = np.full((40, 2), 10.0)
    close[5:, 1] = np.nan
    close[30:, 0] = 12.0
    panel = make_panel(close)
    built = build_history(targets(panel, {0: HALF}), panel)
    ended = [e for e in built.events if e.event == "deleted"]
    assert [(e.ticker, e.session) for e in ended] == [("B", panel.sessions[24])]
    assert built.price_level[29] == pytest.approx(100.0)
    assert built.price_level[-1] == pytest.approx(120.0)  # the money went to A at the close of the deletion


def securities(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(["A", "B"]))


@pytest.mark.parametrize(
    ("record", "level"),
    [
        ({"delist_reason": ["", "bankruptcy"], "exchange": ["NYSE", "NYSE"]}, 100 - 50 * 0.30),
        ({"delist_reason": ["", "Chapter 11 bankruptcy"], "exchange": ["NYSE", "Nasdaq"]}, 100 - 50 * 0.55),
        ({"delist_reason": ["", "merger"], "exchange": ["NYSE", "Nasdaq"]}, 100.0),
        ({"delist_return": [np.nan, -1.0]}, 50.0),
        ({"delist_return": [np.nan, 0.25], "delist_reason": ["", "merger"]}, 112.5),
    ],
)
def test_delisting_returns(make_panel, record, level) -> None:
    panel = make_panel([[10, 10], [10, 10], [10, np.nan], [11, np.nan]])
    built = build_history(targets(panel, {0: HALF}), panel, securities=securities(**record))
    assert built.price_level[2] == pytest.approx(level)
    assert built.price_level[3] == pytest.approx(level * 1.1)
    # Continuity: the divisor shrank by what left, so A alone stands for the whole level.
    assert built.divisor()[3] == pytest.approx(50 / level)
    assert not np.any(built.stretches[-1].columns == 1)


def test_proceeds_can_wait_in_cash_for_the_next_rebalance(make_panel) -> None:
    panel = make_panel([[10, 10], [10, 10], [10, np.nan], [11, np.nan], [11, np.nan], [22, np.nan]])
    record = securities(delist_reason=["", "merger"])
    built = build_history(targets(panel, {0: HALF, 4: {"A": 1.0}}), panel, securities=record, on_delete="cash")
    assert built.price_level.tolist() == pytest.approx([100, 100, 100, 105, 105, 210])
    assert built.turnover[1] == pytest.approx(50 / 105)
    _, drifted = built.drifted()
    assert drifted[3].sum() == pytest.approx(55 / 105)


def test_a_delisting_on_the_last_session_is_not_seen_yet(make_panel) -> None:
    panel = make_panel([[10, 10], [10, 10]])
    built = build_history(targets(panel, {0: HALF}), panel, securities=securities(delist_return=[np.nan, -1.0]))
    assert built.price_level.tolist() == [100.0, 100.0]


def test_cash_merger_pays_out(make_panel) -> None:
    panel = make_panel([[10, 10], [10, 12], [10, np.nan], [11, np.nan]])
    action = CorporateAction(panel.sessions[2], "B", "cash_merger", cash=13.0)
    built = build_history(targets(panel, {0: HALF}), panel, actions=[action])
    assert built.price_level.tolist() == pytest.approx([100, 110, 115, 126.5])


def test_stock_merger_converts_at_the_ratio_and_takes_the_move(make_panel) -> None:
    panel = make_panel([[10, 10, 30], [10, 12, 30], [10, np.nan, 33], [10, np.nan, 33]])
    action = CorporateAction(panel.sessions[2], "B", "stock_merger", into="C", ratio=0.4, cash=1.0)
    built = build_history(targets(panel, {0: HALF}), panel, actions=[action], on_delete="cash")
    # 5 shares of B become 2 of C and 5 dollars: 50 + 2·33 + 5.
    assert built.price_level.tolist() == pytest.approx([100, 110, 121, 121])


def test_a_new_symbol_changes_nothing(make_panel) -> None:
    panel = make_panel([[10, 10, np.nan], [10, 12, np.nan], [10, np.nan, 12], [10, np.nan, 14]])
    action = CorporateAction(panel.sessions[2], "B", "symbol_change", into="C")
    built = build_history(targets(panel, {0: HALF}), panel, actions=[action])
    assert built.price_level.tolist() == pytest.approx([100, 110, 110, 120])


def test_a_spin_off_is_sold_at_its_first_close(make_panel) -> None:
    panel = make_panel([[10, 10, np.nan], [10, 10, np.nan], [10, 8, 4], [10, 8, 40], [10, 8, 40]])
    action = CorporateAction(panel.sessions[2], "B", "spin_off", into="C", ratio=0.5)
    built = build_history(targets(panel, {0: HALF}), panel, actions=[action])
    # 5 B at 8 and 2.5 C at 4 on the first day; the child's later rise is nobody's.
    assert built.price_level.tolist() == pytest.approx([100, 100, 100, 100, 100])
    unpriced = CorporateAction(panel.sessions[2], "B", "spin_off", cash=2.0)
    assert build_history(targets(panel, {0: HALF}), panel, actions=[unpriced]).price_level[-1] == pytest.approx(100)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"date": "never"}, "'never' is not a date; write it as YYYY-MM-DD"),
        ({"date": "2024-13-01"}, "'2024-13-01' is not a date"),
        ({"action": "gift"}, "action 'gift' is none of cash_merger, stock_merger, symbol_change, spin_off"),
        ({"ticker": ""}, "the ticker is empty"),
        ({"ticker": "UALL"}, r"unknown ticker UALL \(did you mean 'UAL'\?\)"),
        ({"cash": "abc"}, "cash 'abc' is not a number"),
        ({"cash": "inf"}, "cash 'inf' is not a number"),
        ({"cash": ""}, "a cash_merger needs `cash`, USD a share"),
        ({"cash": "-3"}, "the ratio must be positive and the cash not negative"),
        ({"action": "stock_merger", "into": "NA", "ratio": "-1"}, "the ratio must be positive"),
        ({"action": "stock_merger", "into": "ZZZ"}, "unknown ticker ZZZ"),
        ({"action": "symbol_change", "into": ""}, "a symbol_change needs `into`"),
        ({"action": "spin_off", "cash": ""}, "a spin_off needs `into`"),
    ],
)
def test_actions_from_a_table_name_every_bad_row(row, message) -> None:
    good = {"date": "2024-03-01", "ticker": "UAL", "action": "cash_merger", "into": "", "ratio": "", "cash": "50"}
    frame = pd.DataFrame([good, {**good, **row}, {**good, "date": "2024-02-01", "ticker": "NA"}])
    with pytest.raises(DataError, match=f"corporate actions: row 2: {message}"):
        read_actions(frame, {"UAL", "NA"})
    read = read_actions(frame.iloc[[0, 2]], {"UAL", "NA"})
    assert [(action.ticker, action.cash) for action in read] == [("NA", 50.0), ("UAL", 50.0)]  # by date


def test_excess_return_takes_off_cash_by_calendar_day() -> None:
    level = pd.Series([100.0, 101.0, 102.0], index=pd.to_datetime(["2024-01-04", "2024-01-05", "2024-01-08"]))
    rates = pd.Series(0.036, index=level.index)
    expected = 100 * (1.01 - 0.036 / 360) * (102 / 101 - 0.036 * 3 / 360)
    assert excess_level(level, rates).iloc[-1] == pytest.approx(expected, abs=1e-12)


def test_bad_requests_are_named(make_panel) -> None:
    panel = make_panel([[10, 10], [10, 10]])
    with pytest.raises(ConfigError, match=r"weights at 2024-01-02 sum to 0.9, not to 1"):
        build_history(targets(panel, {0: {"A": 0.5, "B": 0.4}}), panel)
    with pytest.raises(ConfigError, match="no prices for Z"):
        build_history(targets(panel, {0: {"A": 0.5, "Z": 0.5}}), panel)
    empty = make_panel([[np.nan, 10], [10, 10]])
    with pytest.raises(DataError, match="has a price"):
        build_history(targets(empty, {0: {"A": 1.0}}), empty)


@st.composite
def markets(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    n_sessions, n_assets = draw(st.integers(5, 40)), draw(st.integers(2, 6))
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (n_sessions, n_assets)), axis=0))
    split = np.where(rng.random(close.shape) < 0.05, rng.choice([2.0, 3.0, 0.5, 1.32], close.shape), 1.0)
    close = close / np.cumprod(split, axis=0)
    dividend = np.where(rng.random(close.shape) < 0.1, 0.01 * close, 0.0)
    wanted = rng.dirichlet(np.ones(n_assets), size=3)
    at = np.sort(rng.choice(n_sessions - 1, size=3, replace=False))
    return close, split, dividend, at.astype(np.int64), wanted


def plain_index(close, split, dividend, at, wanted):
    """Share by share and day by day, with actual shares and no vectorising."""
    n_sessions, n_assets = close.shape
    shares, price, total, before = [0.0] * n_assets, [], [], None
    for t in range(at[0], n_sessions):
        paid = 0.0
        for i in range(n_assets):
            shares[i] *= split[t, i]
            paid += shares[i] * dividend[t, i]
        level = sum(shares[i] * close[t, i] for i in range(n_assets)) if before is not None else 100.0
        price.append(level)
        total.append(100.0 if before is None else total[-1] * (level + paid) / before)
        before = level
        for k in range(3):
            if at[k] == t:
                shares = [wanted[k, i] * level / close[t, i] for i in range(n_assets)]
    return np.array(price), np.array(total)


@settings(max_examples=100, deadline=None)
@given(markets())
def test_the_level_is_that_of_a_plain_share_by_share_index(make_panel, case) -> None:
    close, split, dividend, at, wanted = case
    panel = make_panel(close, dividend, split)
    built = build_history((at, wanted), panel)
    price, total = plain_index(close, split, dividend, at, wanted)
    np.testing.assert_allclose(built.price_level, price, rtol=1e-12)
    np.testing.assert_allclose(built.level, total, rtol=1e-12)
    assert (np.diff(np.log(built.level)) >= np.diff(np.log(built.price_level)) - 1e-12).all()
    _, drifted = built.drifted()
    np.testing.assert_allclose(drifted.sum(axis=1), 1.0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(markets(), st.randoms(use_true_random=False))
def test_splits_and_the_order_of_names_change_nothing(make_panel, case, random) -> None:
    close, split, dividend, at, wanted = case
    base = build_history((at, wanted), make_panel(close, dividend, split))
    factor = np.cumprod(split, axis=0)
    unsplit = build_history((at, wanted), make_panel(close * factor, dividend * factor))
    np.testing.assert_allclose(unsplit.level, base.level, rtol=1e-12)
    order = list(range(close.shape[1]))
    random.shuffle(order)
    moved = build_history((at, wanted[:, order]), make_panel(close[:, order], dividend[:, order], split[:, order]))
    np.testing.assert_allclose(moved.level, base.level, rtol=1e-12)
    np.testing.assert_allclose(moved.turnover, base.turnover, atol=1e-12)


def test_truncating_the_prices_does_not_change_the_past(make_panel) -> None:
    rng = np.random.default_rng(3)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (60, 4)), axis=0))
    close[20:, 1] = np.nan
    close[30:34, 2] = np.nan
    wanted = np.full((2, 4), 0.25)
    at = np.array([0, 15], dtype=np.int64)
    full = build_history((at, wanted), make_panel(close))
    for cut in (21, 32, 40, 41, 50):
        part = build_history((at, wanted), make_panel(close[:cut]))
        np.testing.assert_array_equal(part.level, full.level[:cut])


def test_index_prices_are_read_only(make_panel) -> None:
    prices = index_prices(make_panel([[10.0, 20.0]]))
    with pytest.raises(ValueError, match="read-only"):
        prices.value[0, 0] = 1.0
