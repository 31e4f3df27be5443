"""Yahoo's bars turned back into what was traded: by hand, by property, and through yfinance itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.errors import DataError
from market.sources.pacing import Patience
from market.sources.yahoo import Yahoo, as_traded, last_final_day, symbol_at_yahoo
from market.store import schema_of
from market.validation import canonical

_spec = importlib.util.spec_from_file_location("replay_server", Path(__file__).with_name("replay_server.py"))
replay_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay_server)
Replay = replay_server.Replay

QUICK = Patience(requests_per_second=200, attempts=3, first_wait=0.01, longest_wait=0.05, read_timeout=2.0, in_flight=3)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:yfinance")
NOW = pd.Timestamp("2026-01-02 20:00")


def yahoo_frame(adjusted: pd.DataFrame) -> pd.DataFrame:
    """Adjusted bars as `Ticker.history(auto_adjust=False)` returns them."""
    return pd.DataFrame(
        {"Open": adjusted["open"], "High": adjusted["high"], "Low": adjusted["low"], "Close": adjusted["close"],
         "Adj Close": adjusted["adj"], "Volume": adjusted["volume"], "Dividends": adjusted["dividend"],
         "Stock Splits": adjusted["split"].where(adjusted["split"] != 1, 0.0)}
    ).set_index(pd.DatetimeIndex(adjusted["date"]).tz_localize("America/New_York"))  # fmt: skip


def by_hand() -> pd.DataFrame:
    """Six days: 0.40 paid on 40-dollar shares, a two-for-one split, 0.25 paid on the new shares."""
    columns = {
        "close": [40.0, 39.6, 42.0, 20.0, 20.5, 20.2],
        "dividend": [0, 0.40, 0, 0, 0.25, 0],
        "split": [1.0, 1, 1, 2, 1, 1],
        "volume": [100.0, 100, 100, 250, 260, 270],
    }
    return pd.DataFrame({"date": pd.bdate_range("2024-01-01", periods=6), **columns})


def test_splits_are_undone_once_on_close_volume_and_dividend():
    adjusted = replay_server.at_yahoo(by_hand())
    assert adjusted["close"].tolist() == [20, 19.8, 21, 20, 20.5, 20.2]  # what Yahoo shows
    assert adjusted["dividend"].tolist() == [0, 0.20, 0, 0, 0.25, 0]
    got = as_traded(yahoo_frame(adjusted))
    for name in ("close", "dividend", "split", "volume"):
        np.testing.assert_allclose(got[name], by_hand()[name], rtol=1e-9, err_msg=name)


def test_a_dividend_that_yahoo_left_in_old_shares_is_not_multiplied_again():
    adjusted = replay_server.at_yahoo(by_hand())
    adjusted.loc[1, "dividend"] = 0.40  # as paid; the adjusted closes still step by 0.20 in today's shares
    np.testing.assert_allclose(as_traded(yahoo_frame(adjusted))["dividend"], by_hand()["dividend"], rtol=1e-9)


def test_a_split_that_yahoo_has_not_applied_to_its_closes_is_not_undone():
    adjusted = replay_server.at_yahoo(by_hand())
    adjusted.loc[:2, ["open", "high", "low", "close"]] *= 2  # the first days after a split look like this
    adjusted.loc[:2, "volume"] /= 2
    got = as_traded(yahoo_frame(adjusted))
    np.testing.assert_allclose(got["close"], by_hand()["close"], rtol=1e-9)
    np.testing.assert_allclose(got["volume"], by_hand()["volume"], rtol=1e-9)
    assert got["split"].tolist() == [1, 1, 1, 2, 1, 1]


def test_reverse_split_gaps_and_capital_gains():
    bars = by_hand().assign(split=[1.0, 1, 1, 0.1, 1, 1], close=[4.0, 3.96, 4.2, 42.0, 41, 43], dividend=0.0)
    frame = yahoo_frame(replay_server.at_yahoo(bars))
    np.testing.assert_allclose(as_traded(frame)["close"], bars["close"], rtol=1e-9)
    holed = frame.copy()
    holed.iloc[3, holed.columns.get_loc("Close")] = np.nan  # the split day has no close: it moves to the next
    got = as_traded(holed)
    assert len(got) == 5
    assert got["split"].tolist() == [1, 1, 1, 0.1, 1]
    np.testing.assert_allclose(got["close"], bars["close"].drop(3), rtol=1e-9)
    fund = yahoo_frame(replay_server.at_yahoo(by_hand())).assign(**{"Capital Gains": [0, 0, 0, 0, 0, 1.5]})
    assert as_traded(fund)["dividend"].tolist()[-1] == 1.5


def test_rows_pass_the_stores_checks():
    rows = as_traded(yahoo_frame(replay_server.at_yahoo(by_hand()))).assign(ticker="X")
    assert len(canonical(rows, schema_of("prices"))) == 6


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 5, 60, 130]), st.sampled_from([2.0, 3.0, 4.0, 10.0, 0.5, 0.1]))
def test_any_history_comes_back_as_traded(seed, split_at, ratio):
    traded = replay_server.walk(seed, n=150, split_at=split_at, ratio=ratio)
    got = as_traded(yahoo_frame(replay_server.at_yahoo(traded)))
    np.testing.assert_allclose(got["close"], traded["close"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got["dividend"], traded["dividend"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got["volume"], traded["volume"], rtol=1e-9)


def test_through_yfinance_itself(tmp_path):
    """The library's own requests, cookies and parsing, against a local server: the right bars, each failure its own."""
    bars = {"BRK-B": replay_server.walk(1), "NVDA": replay_server.walk(2, split_at=130, ratio=10.0)}
    answers = replay_server.yahoo_answers(bars)
    answers["/v8/finance/chart/GONE"] = replay_server.missing("GONE")
    with Replay(answers) as server:
        yahoo = Yahoo(tmp_path, QUICK, server.url)
        got = dict(yahoo.bars(["BRK.B", "NVDA", "GONE", "NOWHERE"], "2021-01-01", NOW))
        for ticker in ("BRK.B", "NVDA"):
            frame, want = got[ticker], bars[symbol_at_yahoo(ticker)]
            assert set(frame["ticker"]) == {ticker}
            assert list(frame["date"]) == list(want["date"])
            np.testing.assert_allclose(frame["close"], want["close"], rtol=1e-4)
            np.testing.assert_allclose(frame["dividend"], want["dividend"], rtol=1e-3, atol=1e-6)
            np.testing.assert_allclose(frame["split"], want["split"])
        assert isinstance(got["GONE"], DataError)
        assert "delisted" in str(got["GONE"])
        assert isinstance(got["NOWHERE"], DataError)


@pytest.mark.parametrize("fault", ["429", "503", "half", "garbage", "reset"])
def test_faults_of_yahoo_are_survived(tmp_path, fault):
    answers = replay_server.yahoo_answers({"KO": replay_server.walk(3)})
    chart = "/v8/finance/chart/KO"
    with Replay(answers, lambda path, number, of_path: fault if path == chart and of_path <= 2 else None) as server:
        yahoo = Yahoo(tmp_path, QUICK, server.url)
        ((ticker, frame),) = yahoo.bars(["KO"], "2021-01-01", NOW)
        assert ticker == "KO"
        assert isinstance(frame, pd.DataFrame), str(frame)
        assert len(frame) == 260


def test_a_ban_is_reported_per_ticker(tmp_path):
    answers = replay_server.yahoo_answers({"KO": replay_server.walk(3), "PEP": replay_server.walk(4)})
    with Replay(answers, lambda path, *_: "429" if path.endswith("/KO") else None) as server:
        got = dict(Yahoo(tmp_path, QUICK, server.url).bars(["KO", "PEP"], "2021-01-01", NOW))
    assert isinstance(got["KO"], DataError)
    assert "rate limited" in str(got["KO"])
    assert len(got["PEP"]) == 260


def test_bars_of_an_open_session_are_left_out():
    assert last_final_day(pd.Timestamp("2024-03-05 12:00")) == pd.Timestamp("2024-03-04")
    assert last_final_day(pd.Timestamp("2024-03-05 18:00")) == pd.Timestamp("2024-03-05")
