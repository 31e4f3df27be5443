"""Prices as arrays: total return by hand, splits carried forward, gaps, funds, and a past that does not move."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import market
from market.calendar import sessions_between
from market.errors import DataError
from market.panel import total_returns

SESSIONS = sessions_between("2024-01-02", "2024-02-15")


def _rows(ticker: str, closes: list[float | None], first: int = 0, **columns: dict[int, float]) -> pd.DataFrame:
    frame = pd.DataFrame({"date": SESSIONS[first : first + len(closes)], "ticker": ticker, "close": closes})
    for name, values in columns.items():
        frame[name] = [values.get(i) for i in range(len(closes))]
    return frame[frame["close"].notna() | frame.get("adj_close", pd.Series(index=frame.index)).notna()]


def _market(*parts: pd.DataFrame, **tables: pd.DataFrame) -> market.Market:
    return market.planted("test", prices=pd.concat(parts, ignore_index=True), **tables)


def test_total_return_by_hand() -> None:
    # 100 -> 3-for-1 split, 34 a share, 0.50 dividend a new share: 3 * 34.5 / 100 - 1; then 34 -> 30.6.
    data = _market(_rows("A", [100.0, 34.0, 30.6], split={1: 3.0}, dividend={1: 0.5}))
    panel = data.panel()
    assert np.isnan(panel.total_returns()[0, 0])
    np.testing.assert_allclose(panel.total_returns()[1:, 0], [0.035, -0.1], rtol=1e-12)
    np.testing.assert_allclose(panel.carried_close()[:, 0], [100, 102, 91.8], rtol=1e-12)
    np.testing.assert_allclose(panel.split_factor()[:, 0], [1, 3, 3])
    assert panel.dividend[:, 0].tolist() == [0.0, 0.5, 0.0]
    assert np.isnan(panel.volume).all()


def test_a_holder_through_a_gap_gets_its_splits_and_dividends() -> None:
    closes = [10.0, None, None, None, None, 6.0, None, None, None, None, None, 7.0]
    rows = _rows("A", closes)
    other = _rows("B", [1.0] * 12)
    # While A does not trade its split 2-for-1 becomes effective on the day it trades again.
    rows.loc[rows["date"] == SESSIONS[5], "split"] = 2.0
    rows.loc[rows["date"] == SESSIONS[5], "dividend"] = 0.25
    returns = _market(rows, other).panel().total_returns()[:, 0]
    assert returns[5] == pytest.approx(2 * (6.0 + 0.25) / 10.0 - 1)  # five sessions old: still good
    assert np.isnan(returns[11])  # six sessions old: unknown
    # By hand through the plain function: a dividend and a split on different days inside the gap.
    nan = np.nan
    close = np.array([[10.0], [nan], [nan], [4.0]])
    dividend = np.array([[0.0], [1.0], [0.0], [0.5]])
    split = np.array([[1.0], [1.0], [2.0], [1.0]])
    # one share: 1.0 cash on day 1; two shares from day 2; 2 * (4.0 + 0.5) on day 3
    assert total_returns(close, dividend, split)[3, 0] == pytest.approx((1.0 + 2 * 4.5) / 10.0 - 1)


def test_funds_run_on_adjusted_closes() -> None:
    fund = pd.DataFrame({"date": SESSIONS[:3], "ticker": "SPY", "adj_close": [100.0, 101.0, 99.99], "dividend": 5.0})
    late = pd.DataFrame(
        {"date": SESSIONS[:3], "ticker": "MIX", "adj_close": [1.0, 2.0, 3.0], "close": [None, None, 9.0]}
    )
    panel = _market(_rows("A", [10.0, 11.0, 12.0]), fund, late).panel()
    assert panel.total_return_only == {"SPY", "MIX"}  # MIX began without a close: a later one changes nothing
    np.testing.assert_allclose(panel.total_returns()[1:, panel.column("SPY")], [0.01, -0.01])
    assert (panel.dividend[:, panel.column("SPY")] == 0).all()
    assert panel.close[:, panel.column("MIX")].tolist() == [1.0, 2.0, 3.0]
    assert panel.select(pd.Index(["A"])).total_return_only == frozenset()


def test_selection() -> None:
    data = _market(_rows("A", [10.0, 20.0, 30.0]), _rows("B", [1.0, 2.0, 4.0], split={1: 2.0}))
    part = data.panel(["B"], start=SESSIONS[1], end=SESSIONS[2])
    assert part.close.shape == (2, 1)
    np.testing.assert_allclose(part.split_factor()[:, 0], [2.0, 2.0])  # its own first row is the basis
    np.testing.assert_allclose(part.total_returns()[1], [1.0])
    assert data.panel(["B", "A"]).tickers.tolist() == ["B", "A"]
    with pytest.raises(DataError, match="no prices of 'AA'; did you mean A"):
        data.panel(["AA"])
    with pytest.raises(DataError, match="no prices of 'Z'"):
        data.panel().column("Z")
    assert not data.panel().close.flags.writeable


def test_prices_outside_a_security_s_life_are_not_its_own() -> None:
    life = pd.DataFrame({"ticker": ["A"], "first_date": [SESSIONS[1]], "last_date": [SESSIONS[2]]})
    panel = _market(_rows("A", [1.0, 2.0, 3.0, 4.0], dividend={3: 1.0}), securities=life).panel()
    assert np.isnan(panel.close[[0, 3], 0]).all()
    assert panel.dividend[3, 0] == 0.0
    assert panel.close[1:3, 0].tolist() == [2.0, 3.0]


def test_days_off_the_calendar_are_left_out() -> None:
    weekend = pd.DataFrame({"date": ["2024-01-06"], "ticker": ["A"], "close": [5.0]})
    data = _market(_rows("A", [1.0, 2.0, 3.0, 4.0, 5.0]), weekend)
    assert data.sessions.equals(SESSIONS[:5])
    with pytest.raises(DataError, match="no price lies on a session"):
        _ = _market(weekend).sessions


@settings(max_examples=40, deadline=None)
@given(
    closes=st.lists(st.one_of(st.none(), st.floats(0.01, 1e4)), min_size=4, max_size=20),
    splits=st.lists(st.sampled_from([1.0, 1.0, 2.0, 0.1, 3.5]), min_size=20, max_size=20),
    dividends=st.lists(st.sampled_from([0.0, 0.0, 0.3]), min_size=20, max_size=20),
    cut=st.integers(1, 19),
)
def test_the_past_of_a_panel_never_changes(
    closes: list[float | None], splits: list[float], dividends: list[float], cut: int
) -> None:
    n = len(closes)
    close = np.array([np.nan if c is None else c for c in closes])[:, None]
    split, dividend = np.array(splits[:n])[:, None], np.array(dividends[:n])[:, None]
    whole = total_returns(close, dividend, split)
    part = total_returns(close[:cut], dividend[:cut], split[:cut])
    np.testing.assert_array_equal(whole[:cut], part)
    # A buyer who reinvests nothing and holds through: wealth by hand equals the returns, session by session.
    for t in range(1, n):
        if not np.isnan(close[t, 0]) and not np.isnan(close[t - 1, 0]):
            assert whole[t, 0] == pytest.approx(
                (split[t, 0] * close[t, 0] + split[t, 0] * dividend[t, 0] - close[t - 1, 0]) / close[t - 1, 0],
                rel=1e-9,
                abs=1e-9,
            )
