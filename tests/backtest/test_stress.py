"""Named windows, shocks and breaking points: by hand, and the published index returns on real data."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import example, given
from hypothesis import strategies as st

from backtest import standing, stress
from backtest.holdings import constituents
from backtest.legs import Legs
from market.errors import ConfigError

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "sp500" / "reference_prices.parquet"


def test_the_windows_in_which_the_hedge_must_lose_are_marked() -> None:
    assert [one.name for one in stress.NAMED_WINDOWS if one.must_lose] == ["Meme squeeze", "Junk rally"]
    starts = [one.start for one in stress.NAMED_WINDOWS]
    assert starts == sorted(starts)
    assert all(one.start < one.end and one.note for one in stress.NAMED_WINDOWS)


def test_windows_by_hand_and_only_those_covered() -> None:
    sessions = pd.bdate_range("2020-01-01", "2021-06-30").drop(pd.Timestamp("2020-02-19"))
    nav = pd.DataFrame({"book": np.linspace(100, 200, len(sessions))}, index=sessions)
    nav["hedged"] = 50.0
    table = stress.window_returns(nav)
    assert table["window"].tolist() == ["COVID", "Meme squeeze"]
    assert table["must_lose"].tolist() == [False, True]
    # the 19th has no session here: the 18th's close stands for it
    start, end = nav.loc["2020-02-18", "book"], nav.loc["2020-03-23", "book"]
    assert table["book"].iloc[0] == pytest.approx(end / start - 1)
    assert (table["hedged"] == 0.0).all()
    assert stress.window_returns(nav.iloc[:0]).empty


@pytest.mark.skipif(not REFERENCE.exists(), reason="the shared reference prices are not on this machine")
def test_the_published_index_returns_are_those_of_the_data() -> None:
    prices = pd.read_parquet(REFERENCE)
    index = prices[prices["ticker"] == "^GSPC"].set_index("date")
    column = "close" if "close" in index and index["close"].notna().any() else "adj_close"
    level = index[column].dropna().sort_index()
    level.index = pd.DatetimeIndex(level.index)
    table = stress.window_returns(level.to_frame("index")).set_index("window")
    assert {"2018 Q4", "COVID", "Meme squeeze", "2022 bear", "Junk rally"} <= set(table.index)
    known = table["sp500"].notna()
    assert (table["index"] - table["sp500"])[known].abs().max() < 0.002


def test_shocks_by_hand() -> None:
    position = stress.Position(
        long=1.0,
        short=0.6,
        beta_long=1.1,
        beta_short=1.4,
        ai_beta_long=0.5,
        ai_beta_short=0.3,
        rate_beta_long=-0.02,
        rate_beta_short=-0.03,
        borrow_fee=0.01,
        days_to_trade=2.0,
        impact=0.001,
    )
    table = stress.shock_table(position)
    fall = table.loc["market -20 %"]
    assert fall["book"] == pytest.approx(-0.22)
    assert fall["hedge"] == pytest.approx(0.6 * 1.4 * 0.2)
    assert fall["hedged"] == pytest.approx(fall["book"] + fall["hedge"])
    squeeze = table.loc["squeeze +30 %, market -5 %"]
    assert squeeze["hedged"] == pytest.approx(-0.055 - 0.6 * (-0.07 + 0.30))
    assert table.loc["AI -20 % beyond the market", "hedged"] == pytest.approx(-0.1 + 0.6 * 0.06)
    rates = table.loc["rates +100 bp"]
    assert rates["hedged"] == pytest.approx(-0.02 + 0.6 * 0.03)
    assert rates["carry_annual"] == pytest.approx(0.01 * 0.6)
    assert table.loc["borrow x 3", "carry_annual"] == pytest.approx(-0.02 * 0.6)
    assert table.loc["liquidity halved", "days_to_trade"] == 4.0
    assert table.loc["liquidity halved", "exit_cost"] == pytest.approx(-0.001 * (np.sqrt(2) - 1))
    with pytest.raises(ConfigError):
        stress.apply_shock(position, stress.Shock("nothing trades", liquidity_factor=0.0))


def test_replay_uses_todays_ratio() -> None:
    windows = pd.DataFrame(
        {"window": ["a"], "start": [0], "end": [1], "book": [-0.2], "basket": [-0.3], "must_lose": [False]}
    )
    found = stress.replay(0.5, windows)
    assert found["hedge"].iloc[0] == pytest.approx(0.15)
    assert found["hedged"].iloc[0] == pytest.approx(-0.05)


def test_reverse_stress_by_hand() -> None:
    position = stress.Position(long=1.0, short=0.6, beta_long=1.0, beta_short=1.3)
    found = stress.reverse_stress(position)
    # equity 1 - .6 s = .25 + .3 x .6 (1 + s)
    assert found.margin_call == pytest.approx(0.57 / 0.78)
    assert found.ruin == pytest.approx(1 / 0.6)
    assert stress.squeeze_for_loss(position, 0.10) == pytest.approx(0.10 / 0.6)
    assert stress.reverse_stress(stress.at_ratio(position, 0.0)).margin_call == np.inf
    assert stress.reverse_stress(stress.Position(3.0, 2.0, 1, 1)).margin_call == 0.0


@example(long=0.5, short=0.0546875, together=-0.5)
@given(
    long=st.floats(0.1, 2.0),
    short=st.floats(0.05, 2.0),
    together=st.floats(-0.5, 0.5),
)
def test_at_the_breaking_point_equity_is_the_requirement(long: float, short: float, together: float) -> None:
    position = stress.Position(long, short, 1.0, 1.0)
    found = stress.reverse_stress(position, together)
    if not 0.0 < found.margin_call < np.inf:
        return
    s = found.margin_call
    fall = max(together * s, -1.0)  # a book can lose no more than itself
    equity = 1.0 + fall * long - s * short
    required = 0.25 * long * (1 + fall) + 0.30 * short * (1 + s)
    assert equity == pytest.approx(required, abs=1e-9 * max(1.0, s))
    assert found.margin_call <= found.ruin + 1e-12 or found.ruin == np.inf


def test_a_squeeze_of_the_most_shorted_hits_their_weight_alone() -> None:
    position = stress.Position(long=1.0, short=0.8, beta_long=1.0, beta_short=1.2, crowded=0.15)
    found = stress.shock_table(position).loc["most shorted fifth doubles"]
    assert found["hedge"] == found["hedged"] == pytest.approx(-0.8 * 0.15)
    assert found["book"] == 0.0


def test_the_standing_of_a_finished_run_by_hand(flagship_legs: Legs) -> None:
    """Impact, crowded share and rate betas of the sample's last day, from the market's own tables."""
    sessions = flagship_legs.sessions
    held = constituents(flagship_legs, 80e6)
    level = flagship_legs.short.level.reindex(sessions)
    nav = pd.DataFrame({"book": flagship_legs.book.level.reindex(sessions), "basket": level})
    exposures = pd.DataFrame({"long": [1.0], "short": [-0.8]}, index=sessions[-1:])
    spec = SimpleNamespace(market="SPY")
    result = SimpleNamespace(nav=nav, spec=spec, market=flagship_legs.data, exposures=exposures, constituents=held)
    found = standing.standing(result)
    weight = held.set_index("ticker")["weight"]
    view = flagship_legs.data.as_of(sessions[-1])
    shorted = pd.Series(view.short_interest("short_percent_of_float"), view.tickers)[weight.index].dropna()
    fifth = shorted.nlargest(int(np.ceil(0.2 * len(shorted)))).index
    assert found.crowded == pytest.approx(weight[fifth].sum())
    sigma = pd.Series({t: flagship_legs.index_returns(t).tail(63).std() for t in weight.index})
    cost = (weight * sigma * np.sqrt(held.set_index("ticker")["adv_share"])).sum()
    assert found.impact == pytest.approx(0.8 * cost)
    returns = nav.pct_change().iloc[1:].tail(252)
    funds = pd.DataFrame({t: flagship_legs.index_returns(t)[returns.index] for t in ("SPY", "SMH", "TLT")})
    joint = sm.OLS(returns["basket"], sm.add_constant(funds)).fit().params
    assert found.rate_beta_short == pytest.approx(-0.16 * joint["TLT"])
    joint = sm.OLS(returns["basket"], sm.add_constant(funds[["SPY", "SMH"]])).fit().params
    assert found.ai_beta_short == pytest.approx(joint["SMH"])
    assert standing.standing(result, bond_fund="NOT THERE").rate_beta_short == 0.0
