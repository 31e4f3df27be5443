"""Attribution, capture, spread, equal risk, price of protection, states of the tape: by hand and on planted truths."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from backtest.evaluate import attribution, capture, equal_risk, spread, tape, worth
from backtest.evaluate.regression import newey_west
from market.errors import DataError

N = 1000
SESSIONS = pd.bdate_range("2019-01-02", periods=N)


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    random = np.random.default_rng(41)
    market = random.standard_t(5, N) * 0.008 + 0.0004
    size, value, ai = random.normal(0, 0.005, N), random.normal(0, 0.005, N), random.normal(0.0005, 0.01, N)
    table = pd.DataFrame({"SPY": market, "SMB": size, "HML": value, "SMH": 1.4 * market + ai}, index=SESSIONS)
    table["basket"] = 1.2 * market + 0.3 * ai + 0.5 * size + random.normal(0, 0.005, N)
    table["book"] = 1.0 * market + 0.4 * ai + random.normal(0.0003, 0.004, N)
    return table


def test_newey_west_is_that_of_statsmodels(data: pd.DataFrame) -> None:
    answer, regressors = data["book"].to_numpy(), data[["SPY", "SMB"]].to_numpy()
    for lag in (0, 5):
        oracle = sm.OLS(answer, sm.add_constant(regressors)).fit(
            cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False}
        )
        found = newey_west(answer, regressors, lag)
        np.testing.assert_allclose(found.coefficients, oracle.params, rtol=1e-9)
        np.testing.assert_allclose(found.stderr, oracle.bse, rtol=1e-9)
        assert found.r_squared == pytest.approx(oracle.rsquared, rel=1e-10)
    with pytest.raises(DataError, match="collinear"):
        newey_west(answer, np.column_stack([regressors, regressors[:, 0]]))


def test_attribution_adds_up_and_finds_what_was_planted(data: pd.DataFrame) -> None:
    hedge = -0.6 * data["basket"]
    factors = attribution.hedge_factors(data[["SPY", "SMB", "HML"]], data["SMH"], market="SPY")
    found = attribution.factor_attribution(hedge, factors)
    assert found.loc["SPY", "coefficient"] == pytest.approx(-0.72, abs=0.03)
    assert found.loc["AI", "coefficient"] == pytest.approx(-0.18, abs=0.03)
    assert found.loc["SMB", "coefficient"] == pytest.approx(-0.30, abs=0.05)
    assert abs(found.loc["HML", "t"]) < 3
    assert found["annual"].iloc[:-1].sum() == pytest.approx(hedge.mean() * 252, rel=1e-10)
    assert found.loc["total", "annual"] == pytest.approx(hedge.mean() * 252, rel=1e-10)
    assert found["share"].iloc[:-1].sum() == pytest.approx(1.0, rel=1e-10)
    moved = attribution.rolling_attribution(hedge, factors, window=252, step=100)
    assert moved.index[-1] == hedge.index[-1]  # the last window is the newest
    for end in moved.index:
        window = hedge[:end].tail(252), factors[:end].tail(252)
        by_hand = attribution.factor_attribution(*window)
        row = moved.loc[end]
        for name in ("SPY", "AI", "HML"):
            assert row["coefficient", name] == pytest.approx(by_hand.loc[name, "coefficient"], rel=1e-10)
            assert row["stderr", name] == pytest.approx(by_hand.loc[name, "stderr"], rel=1e-10)
        assert row["coefficient", "unexplained"] == pytest.approx(by_hand.loc["unexplained", "annual"], rel=1e-9)


def test_orthogonal_leaves_no_market(data: pd.DataFrame) -> None:
    left = attribution.orthogonal(data["SMH"], data["SPY"])
    assert abs(np.corrcoef(left, data["SPY"])[0, 1]) < 1e-12
    assert left.mean() != 0.0


# Bacon, Practical Portfolio Performance Measurement and Attribution, monthly returns in per cent
FUND = [0.3, 2.6, 1.1, -1.0, 1.5, 2.5, 1.6, 6.7, -1.4, 4.0, -0.5, 8.1]
FUND += [4.0, -3.7, -6.1, 1.7, -4.9, -2.2, 7.0, 5.8, -6.5, 2.4, -0.5, -0.9]
BENCHMARK = [0.2, 2.5, 1.8, -1.1, 1.4, 1.8, 1.4, 6.5, -1.5, 4.2, -0.6, 8.3]
BENCHMARK += [3.9, -3.8, -6.2, 1.5, -4.8, 2.1, 6.0, 5.6, -6.7, 1.9, -0.3, 0.0]


def test_capture_conventions_differ_on_bacons_data() -> None:
    fund, benchmark = np.array(FUND) / 100, np.array(BENCHMARK) / 100
    geometric = capture.capture(fund, benchmark)
    annualised = capture.capture(fund, benchmark, "annualised", periods_per_year=12)
    assert geometric.up == pytest.approx(0.9557, abs=5e-5)
    assert annualised.up == pytest.approx(0.9479, abs=5e-5)
    assert geometric.ratio == pytest.approx(geometric.up / geometric.down)
    assert (geometric.n_up, geometric.n_down) == (15, 8)
    assert capture.capture(2 * benchmark[:1], benchmark[:1]).up == pytest.approx(2.0)
    assert np.isnan(capture.capture(benchmark[:1], benchmark[:1]).down)


def test_monthly_returns_compound(data: pd.DataFrame) -> None:
    months = capture.monthly_returns(data["SPY"])
    first = data["SPY"][data.index < "2019-02-01"]
    assert months.iloc[0] == pytest.approx(np.prod(1 + first) - 1)


def test_crisis_beta_and_stability(data: pd.DataFrame) -> None:
    found = capture.crisis_table(data[["book", "basket"]], data["SPY"])
    bad = data[data["SPY"] <= data["SPY"].quantile(0.05)]
    assert found.loc["book", "beta"] == pytest.approx(np.polyfit(bad["SPY"], bad["book"], 1)[0], rel=1e-8)
    assert found.loc["basket", "correlation"] == pytest.approx(bad["basket"].corr(bad["SPY"]), rel=1e-10)
    assert found.loc["book", "n_sessions"] == 50
    with pytest.raises(DataError, match="worst 5%"):
        capture.crisis_table(data[["book"]].iloc[:100], data["SPY"])
    stable = capture.correlation_stability(data["book"], data["basket"])
    rolling = data["book"].rolling(63).corr(data["basket"])
    assert stable["least"] == pytest.approx(rolling.min())
    assert stable["least"] <= stable["fifth_percentile"] <= stable["median"]


def test_tracking_and_slippage(data: pd.DataFrame) -> None:
    left = data["book"] - 0.7 * data["basket"]
    assert capture.tracking(data["book"], data["basket"], 0.7) == pytest.approx(left.std() * np.sqrt(252))
    found = capture.slippage(left - 0.0001, left)
    assert found["annual"] == pytest.approx(-0.0252, rel=1e-9)
    assert found["deviation"] == pytest.approx(0.0, abs=1e-9)


def test_betas_before_see_nothing_of_the_session(data: pd.DataFrame) -> None:
    betas = equal_risk.betas_before(data["basket"], data["SPY"], SESSIONS[[59, 60, 500]])
    assert np.isnan(betas.iloc[0])
    part = data.iloc[248:500]
    assert betas.iloc[2] == pytest.approx(np.polyfit(part["SPY"], part["basket"], 1)[0], rel=1e-8)
    garbled = data.copy()
    garbled.loc[SESSIONS[500] :] = 9.0
    again = equal_risk.betas_before(garbled["basket"], garbled["SPY"], SESSIONS[[500]])
    assert again.iloc[0] == betas.iloc[2]


def test_index_short_at_equal_beta(data: pd.DataFrame) -> None:
    ratio = pd.Series(0.8, index=SESSIONS[300:310])
    qqq = 1.25 * data["SPY"]
    against_spy = equal_risk.equal_beta_ratio(ratio, data["basket"], data["SPY"], data["SPY"])
    against_qqq = equal_risk.equal_beta_ratio(ratio, data["basket"], qqq, data["SPY"])
    betas = equal_risk.betas_before(data["basket"], data["SPY"], ratio.index)
    np.testing.assert_allclose(against_spy, 0.8 * betas, rtol=1e-12)
    np.testing.assert_allclose(against_qqq, 0.8 * betas / 1.25, rtol=1e-9)


def test_holding_less_has_the_hedged_volatility(data: pd.DataFrame) -> None:
    hedged = data["book"] - 0.7 * data["basket"]
    share = equal_risk.holding_share(data["book"], hedged)
    less = equal_risk.holding_less(data["book"], share, 0.0001)
    assert less.std() == pytest.approx(hedged.std(), rel=1e-12)
    assert less.mean() == pytest.approx(share * data["book"].mean() + (1 - share) * 0.0001)
    assert equal_risk.holding_share(data["book"], 2 * data["book"]) == 1.0


def test_spread_by_hand_and_by_window(data: pd.DataFrame) -> None:
    found = spread.spread_returns(0.8, data["basket"], data["SPY"])
    betas = equal_risk.betas_before(data["basket"], data["SPY"], found.index)
    np.testing.assert_allclose(found, 0.8 * (betas * data["SPY"] - data["basket"])[found.index], atol=1e-16)
    window = (pd.Timestamp("2020-02-19"), pd.Timestamp("2020-03-23"))
    table = spread.spread_table(found, {"COVID": window}).set_index("window")
    assert list(table.index) == ["whole span", "2019", "2020", "2021", "2022", "COVID"]
    inside = found[(found.index > window[0]) & (found.index <= window[1])]
    assert table.loc["COVID", "annual"] == pytest.approx(inside.mean() * 252)
    assert table.loc["COVID", "n_sessions"] == len(inside)
    lag = newey_west(found.to_numpy()).lag
    oracle = sm.OLS(found.to_numpy(), np.ones(len(found))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False}
    )
    assert table.loc["whole span", "t"] == pytest.approx(oracle.tvalues[0], rel=1e-8)


def test_the_marginal_ratio_keeps_its_sign() -> None:
    random = np.random.default_rng(1)
    index = pd.Series(random.normal(0, 0.01, N), SESSIONS)
    own = pd.Series(random.normal(0, 0.006, N), SESSIONS)
    basket = 1.2 * index + own
    book = index - 0.2 * own + pd.Series(random.normal(0, 0.003, N), SESSIONS)  # the basket is the book's opposite
    found = spread.marginal_ratio(book, basket, index)
    assert found.loc["basket", "ratio"] == pytest.approx(-0.2, abs=0.03)
    assert found.loc["basket", "t"] < -5
    assert found.loc["index", "ratio"] == pytest.approx(1.24, abs=0.05)
    assert found.attrs["r_squared"] > found.attrs["r_squared_index_alone"]


def test_the_worst_ai_days(data: pd.DataFrame) -> None:
    found = spread.worst_ai_days(data[["book", "basket"]], data["SMH"], data["SPY"])
    shock = attribution.orthogonal(data["SMH"], data["SPY"])
    bad = shock <= shock.quantile(0.05)
    assert found.loc["book", "n_sessions"] == bad.sum() == 50
    assert found.loc["book", "mean"] == pytest.approx(data["book"][bad].mean())
    assert found.loc["book", "beyond_market"] == pytest.approx(0.4 * shock[bad].mean(), abs=0.002)
    assert found.loc["basket", "t"] < 0


def test_price_of_protection_by_hand() -> None:
    sessions = pd.bdate_range("2024-01-01", periods=4)
    book = pd.Series([0.01, -0.10, 0.02, 0.01], sessions)
    hedged = pd.Series([0.005, -0.04, 0.01, 0.005], sessions)
    found = worth.price_of_protection(book, hedged, carry_annual=0.012)
    cost = -np.mean([-0.005, 0.06, -0.01, -0.005]) * 252
    assert found["cost_annual"] == pytest.approx(cost)
    assert found["drawdown_saved"] == pytest.approx(0.06)
    assert found["carry_per_drawdown"] == pytest.approx(0.2)
    paid = worth.payoff_against_premium(book, hedged, [(sessions[0], sessions[1])])
    assert paid["stress"] == pytest.approx(0.06)
    assert paid["calm"] == pytest.approx(-0.02)
    assert paid["payoff_over_premium"] == pytest.approx(3.0)
    worse = worth.price_of_protection(hedged, book)
    assert np.isnan(worse["per_drawdown"])


def test_states_are_known_the_session_before(data: pd.DataFrame) -> None:
    nav = (1 + data["SPY"]).cumprod()
    states = tape.market_states(nav)
    garbled = nav.copy()
    garbled.iloc[600:] = 1e-3
    again = tape.market_states(garbled)
    pd.testing.assert_frame_equal(states.iloc[:601], again.iloc[:601])
    assert states["trend"].iloc[600] == ("up" if nav.iloc[599] > nav.iloc[400:600].mean() else "down")
    hedged = data["book"] - 0.7 * data["basket"]
    table = tape.by_state(data["book"], hedged, states)
    part = states["trend"] == "up"
    assert table.loc["trend: up", "n_sessions"] == part.sum()
    assert table.loc["trend: up", "book"] == pytest.approx(data["book"][part].mean() * 252)
    by_hand = 1 - hedged[part].var() / data["book"][part].var()
    assert table.loc["trend: up", "effectiveness"] == pytest.approx(by_hand)
