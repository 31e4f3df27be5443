"""Evidence of a run: each figure typed again by hand on small planted frames."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest import evidence
from backtest.evaluate.squeeze import earned_between, largest_loss, largest_rise, worst_gap
from backtest.evidence import Measured
from backtest.planted import planted_account
from backtest.report.hazards import beside_index
from backtest.report.tables import Summary
from backtest.simulate import simulate
from market.errors import DataError

N = 800
SESSIONS = pd.bdate_range("2021-01-04", periods=N)


class Data(SimpleNamespace):
    """As much of a market as the evidence asks for."""

    tickers = pd.Index(["SPY", "SMH"])

    def has(self, name: str) -> bool:
        return name == "factors" and self.factors is not None

    def table(self, name: str) -> pd.DataFrame:
        return self.factors


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    random = np.random.default_rng(5)
    market = random.standard_t(5, N) * 0.008 + 0.0004
    table = pd.DataFrame({"market": market, "ai": 1.5 * market + random.normal(0.0003, 0.012, N)}, index=SESSIONS)
    table["basket"] = 1.2 * market + 0.2 * (table["ai"] - 1.5 * market) + random.normal(0, 0.006, N)
    table["book"] = market + 0.3 * (table["ai"] - 1.5 * market) + random.normal(0.0002, 0.004, N)
    table["hedged"] = table["book"] - 0.7 * table["basket"]
    return table


@pytest.fixture(scope="module")
def factors() -> pd.DataFrame:
    random = np.random.default_rng(6)
    names = ("Mkt-RF", "SMB", "HML", "RMW", "CMA", "Mom", "RF")
    wide = pd.DataFrame({name: random.normal(0, 0.006, N) for name in names}, index=SESSIONS.rename("date"))
    return wide.iloc[:-50].stack().rename("value").rename_axis(["date", "name"]).reset_index()


def measured(returns: pd.DataFrame, **more: object) -> Measured:
    """Of returns alone; without accounts."""
    index = returns[["market"]].rename(columns={"market": "SPY"})
    legs = SimpleNamespace(
        data=Data(factors=more.pop("factors", None)),
        sessions=returns.index,
        spec=SimpleNamespace(market="SPY", hedge=SimpleNamespace(window=252)),
        short=SimpleNamespace(returns=returns["basket"], signal_sessions=[], rebalances=[]),
        index_returns=lambda name: index[name],
    )
    nav = (1 + returns[["book", "basket", "hedged"]]).cumprod()
    ratio = pd.Series(0.7, index=returns.index)
    ideal = returns["book"] - 0.65 * returns["basket"]
    return Measured(legs, SimpleNamespace(sleeves=()), nav, returns, ideal, ratio, 0.01, **more)  # type: ignore[arg-type]


def test_steepest_rise_and_worst_loss_by_hand() -> None:
    days = pd.bdate_range("2024-01-01", periods=6)
    level = pd.Series([100.0, 90.0, 99.0, 108.0, 105.0, 104.0], index=days)
    one, two = largest_rise(level, 1), largest_rise(level, 2)
    assert (one.value, one.start, one.end) == (pytest.approx(0.10), days[1], days[2])
    assert (two.value, two.start, two.end) == (pytest.approx(0.20), days[1], days[3])
    profit = pd.Series([0.0, 5.0, -4.0, -3.0, 1.0, 0.0], index=days)
    nav = pd.Series([100.0, 50.0, 40.0, 37.0, 38.0, 38.0], index=days)
    assert earned_between(profit, nav, days[1], days[3]) == pytest.approx(-7.0 / 50.0)
    lost = largest_loss(profit, nav, 2)
    assert (lost.value, lost.start, lost.end) == (pytest.approx(-7.0 / 50.0), days[1], days[3])
    assert largest_loss(profit, nav, 1).value == pytest.approx(-4.0 / 50.0)
    with pytest.raises(DataError, match="6 sessions"):
        largest_rise(level, 6)
    with pytest.raises(DataError, match="more than that"):
        largest_loss(profit, nav, 6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.3, 0.3), min_size=8, max_size=40), st.integers(1, 6))
def test_no_window_rises_more_than_the_steepest(moves: list[float], sessions: int) -> None:
    level = pd.Series(np.cumprod(1 + np.array(moves)), index=pd.bdate_range("2024-01-01", periods=len(moves)))
    found = largest_rise(level, sessions)
    every = [level.iloc[i + sessions] / level.iloc[i] - 1 for i in range(len(level) - sessions)]
    assert found.value == pytest.approx(max(every))
    assert level.loc[found.end] / level.loc[found.start] - 1 == pytest.approx(found.value)


def test_worst_gap_by_hand() -> None:
    """The name that rose most is not the one that cost most; what is bought at a close has no gap that day."""
    days = pd.bdate_range("2024-01-01", periods=3)
    shares = pd.DataFrame({"A": [-10.0, -10.0, 0.0], "B": [-1.0, -1.0, -1.0], "C": [0.0, -50.0, -50.0]}, index=days)
    price = np.array([[10.0, 20.0, 4.0], [13.0, 40.0, 9.0], [12.0, 41.0, 9.1]])
    found = worst_gap(shares, price, pd.Series([1000.0, 950.0, 940.0], index=days))
    assert (found.ticker, found.session) == ("A", days[1])
    assert found.rise == pytest.approx(0.30)
    assert found.weight == pytest.approx(-0.10)
    assert found.loss == pytest.approx(-10.0 * 3.0 / 1000.0)
    with pytest.raises(DataError, match="held"):
        worst_gap(0.0 * shares, price, pd.Series(1.0, index=days))


def test_marginal_ratio_and_partial_correlation_by_hand(returns: pd.DataFrame) -> None:
    found = evidence.marginal(returns)
    design = np.column_stack([np.ones(N), returns["basket"], returns["market"]])
    slopes = np.linalg.lstsq(design, returns["book"].to_numpy(), rcond=None)[0]
    assert found["basket"]["ratio"] == pytest.approx(slopes[1], rel=1e-9)
    assert found["index"]["ratio"] == pytest.approx(slopes[2], rel=1e-9)
    r = returns[["book", "basket", "market"]].corr().to_numpy()
    partial = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert found["correlation_beyond_market"] == pytest.approx(partial, rel=1e-9)
    assert found["correlation"] == pytest.approx(r[0, 1])


def test_a_basket_to_be_bought_reads_against(returns: pd.DataFrame) -> None:
    """Names that fall when the book rises beyond the market: beside an index short they belong on the long side."""
    opposed = returns.assign(basket=returns["market"] - (returns["book"] - returns["market"]))
    rows = [
        next(beside_index(Summary({"marginal": evidence.marginal(frame)}), "SPY"))
        for frame in (opposed + np.random.default_rng(1).normal(0, 1e-3, opposed.shape), returns)
    ]
    assert [row.verdict for row in rows] == ["against", "for"]
    assert "buy" in rows[0].reading


def test_ai_days_by_sorting(returns: pd.DataFrame) -> None:
    """The 40 sessions of 800 on which the fund's residual on the market is lowest; the best ones at the other end."""
    seen = measured(returns)
    slope = np.polyfit(returns["market"], returns["ai"], 1)[0]
    known = SESSIONS[60:]  # the spread's beta needs sixty sessions
    order = (returns["ai"] - slope * returns["market"]).loc[known]
    worst, best = order.sort_values().index[:37], order.sort_values().index[-37:]
    for sign, days in ((1.0, worst), (-1.0, best)):
        found = evidence.ai_days(seen, sign)
        assert found["fund"] == "SMH"
        assert found["book"]["n_sessions"] == 37
        for name in ("book", "basket", "hedged"):
            values = returns.loc[days, name]
            assert found[name]["mean"] == pytest.approx(values.mean(), rel=1e-9)
            assert found[name]["t"] == pytest.approx(values.mean() / (values.std() / np.sqrt(37)), rel=1e-9)
        hedge = (returns["hedged"] - returns["book"]).loc[days].mean()
        assert found["hedge"]["mean"] == pytest.approx(hedge, rel=1e-9)
    before = returns.iloc[500 - 252 : 500]
    beta = np.polyfit(before["market"], before["basket"], 1)[0]
    spread = evidence.spread_over(seen.legs, seen.ratio, "SPY")
    assert spread.iloc[500 - 60] == pytest.approx(
        0.7 * (beta * returns["market"].iloc[500] - returns["basket"].iloc[500]), rel=1e-8
    )


def test_factors_in_plain_words_that_add_up(returns: pd.DataFrame, factors: pd.DataFrame) -> None:
    wide = factors.pivot(index="date", columns="name", values="value")
    planted = returns.copy()
    planted["hedged"] = planted["book"]
    planted.loc[wide.index, "hedged"] += -0.8 * wide["Mkt-RF"] + 0.2 * wide["Mom"] - 0.0002
    frame, section = evidence.attributed(measured(planted, factors=factors))
    assert list(frame.index) == ["market", "size", "value", "profitability", "momentum", "ai", "unexplained", "total"]
    assert frame.loc["market", "coefficient"] == pytest.approx(-0.8, abs=1e-9)
    assert frame.loc["momentum", "coefficient"] == pytest.approx(0.2, abs=1e-9)
    assert frame.loc["unexplained", "annual"] == pytest.approx(-0.0504, rel=1e-6)
    earned = (planted["hedged"] - planted["book"]).loc[wide.index].mean() * 252
    assert section["factors"]["total"] == {"annual": pytest.approx(earned), "share": pytest.approx(1.0)}
    assert (section["end"], section["n_sessions"]) == (str(SESSIONS[-51].date()), N - 50)
    years = section["rolling"]
    assert list(years) == ["2021-12-31", "2022-12-30", section["end"]]
    for date, told in years.items():
        assert told["market"]["coefficient"] == pytest.approx(-0.8, abs=1e-9), date
    window = wide.loc[:"2022-12-30"].tail(252)
    answer = (planted["hedged"] - planted["book"] + pd.Series(0.001 * np.sin(np.arange(N)), SESSIONS))[window.index]
    planted["hedged"] += pd.Series(0.001 * np.sin(np.arange(N)), SESSIONS)
    noisy = evidence.attributed(measured(planted, factors=factors))[1]["rolling"]["2022-12-30"]
    columns = sm.add_constant(window[["Mkt-RF", "SMB", "HML", "RMW", "Mom"]])
    beside = planted["ai"] - planted["ai"].mean()
    by_hand = sm.OLS(answer, columns.assign(ai=beside)).fit(cov_type="HAC", cov_kwds={"maxlags": 4})
    assert noisy["momentum"]["coefficient"] == pytest.approx(by_hand.params["Mom"], rel=1e-6)
    assert noisy["momentum"]["t"] == pytest.approx(by_hand.tvalues["Mom"], rel=0.02)


def test_capture_of_months_by_hand(returns: pd.DataFrame) -> None:
    found = evidence.captured(returns)
    months = {}
    for name in ("hedged", "market"):
        for day, value in returns[name].items():
            key = (name, day.year, day.month)
            months[key] = months.get(key, 1.0) * (1.0 + value)
    pairs = [(months["hedged", y, m], months["market", y, m]) for name, y, m in months if name == "market"]
    for side, chosen in (("up", [p for p in pairs if p[1] > 1]), ("down", [p for p in pairs if p[1] < 1])):
        mine, market = (np.prod([p[k] for p in chosen]) ** (1 / len(chosen)) - 1 for k in (0, 1))
        assert found["hedged"][side] == pytest.approx(mine / market, rel=1e-9)
        assert found["hedged"][f"n_{side}"] == len(chosen)
    bad = returns[returns["market"] <= returns["market"].quantile(0.05)]
    assert found["crisis"]["hedged"]["beta"] == pytest.approx(np.polyfit(bad["market"], bad["hedged"], 1)[0], rel=1e-8)
    assert "geometric" in found["convention"]


def test_worth_by_hand(returns: pd.DataFrame) -> None:
    found = evidence.worth_of(measured(returns))
    hedge = returns["hedged"] - returns["book"]
    assert found["cost_annual"] == pytest.approx(-252 * hedge.mean())
    falls = []
    for name in ("book", "hedged"):
        level = (1 + returns[name]).cumprod()
        falls.append((level / level.cummax().clip(lower=1.0) - 1).min())
    assert found["drawdown_saved"] == pytest.approx(falls[1] - falls[0])
    assert found["per_drawdown"] == pytest.approx(found["cost_annual"] / found["drawdown_saved"])
    assert found["carry_per_drawdown"] == pytest.approx(0.01 / found["drawdown_saved"])
    assert found["stress_windows"] == ["Meme squeeze", "2022 bear"]
    inside = ((SESSIONS > "2021-01-22") & (SESSIONS <= "2021-01-29")) | (
        (SESSIONS > "2022-01-03") & (SESSIONS <= "2022-10-12")
    )
    assert found["payoff_over_premium"] == pytest.approx(hedge[inside].sum() / abs(hedge[~inside].sum()))
    gap = returns["hedged"] - (returns["book"] - 0.65 * returns["basket"])
    assert found["slippage"]["annual"] == pytest.approx(252 * gap.mean())


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_squeezes_and_gap_of_an_account(seed: int) -> None:
    """On planted accounts with splits and halts: the sleeve's own lines, and every name on every session."""
    account = replace(planted_account(seed, limits=False), delistings=None, max_halt_sessions=10_000)
    done = simulate(account)
    days = done.sessions
    nav = pd.DataFrame({"book": done.nav, "hedged": done.nav, "basket": np.linspace(100, 150, len(days))}, index=days)
    legs = SimpleNamespace(
        sessions=days,
        panel=account.panel,
        data=SimpleNamespace(securities=pd.DataFrame({"name": "Inc."}, index=account.panel.tickers)),
    )
    seen = Measured(legs, done, nav, nav, nav["book"], nav["book"], 0.0)  # type: ignore[arg-type]
    told = evidence.squeezes(seen)
    line = done.lines_by_sleeve().loc["basket"].sum()
    s = done.sleeves.index("basket")
    daily = done.gain[:, s] + done.trading[:, s] + done.dividends[:, s] + done.borrow[:, s] + done.rebate[:, s]
    assert daily.sum() == pytest.approx(line)
    least = min(daily[t + 1 : t + 6].sum() / done.nav[t] for t in range(len(days) - 5))
    assert told["sessions_5"]["worst_hedge"] == pytest.approx(least)
    one = told["sessions_1"]
    t = days.get_loc(one["end"])
    assert one["basket"] == pytest.approx(nav["basket"].iloc[t] / nav["basket"].iloc[t - 1] - 1)
    assert one["hedge"] == pytest.approx(daily[t] / done.nav[t - 1])

    found = evidence.gap(seen)
    shares = done.positions()["basket"]
    close = pd.DataFrame(account.panel.close, index=days, columns=account.panel.tickers).ffill()
    worst = (0.0, None, None)
    for name in shares:
        held, price = shares[name].to_numpy(), close[name].to_numpy()
        split = account.panel.split[:, account.panel.tickers.get_loc(name)]
        for t in range(1, len(days)):
            if np.isfinite(account.panel.close[t - 1 : t + 1, account.panel.tickers.get_loc(name)]).all():
                lost = held[t - 1] * (price[t] * split[t] - price[t - 1]) / done.nav[t - 1]
                worst = min(worst, (lost, name, str(days[t].date())), key=lambda one: one[0])
    if worst[0] < 0 and -1e4 * worst[0] >= found["loss_bps"] - 1e-6:  # a gap over a halt is larger than any day's
        assert (found["ticker"], found["session"]) == worst[1:]
    assert found["loss_bps"] >= -1e4 * worst[0] - 1e-6
    assert found["name"] == "Inc."


def test_sector_tilt_by_hand() -> None:
    sectors = {"A": "Tech", "B": "Tech", "C": "Energy", "D": ""}
    view = SimpleNamespace(tickers=pd.Index(list(sectors)), sector=lambda: np.array(list(sectors.values()), object))
    day = pd.Timestamp("2024-04-19")
    legs = SimpleNamespace(
        sessions=pd.DatetimeIndex([day, "2024-05-31"]),
        data=SimpleNamespace(as_of=lambda session: view),
        short=SimpleNamespace(
            rebalances=pd.DatetimeIndex(["2024-01-19", day, "2024-07-19"]),
            held_on=lambda session: pd.Series({"C": 0.6, "A": 0.4}),
        ),
        book=SimpleNamespace(held_on=lambda session: pd.Series({"A": 0.5, "B": 0.3, "D": 0.2})),
    )
    found = evidence.sector_tilt(legs)  # type: ignore[arg-type]
    assert found["session"] == "2024-04-19"
    gaps = {name: line["difference"] for name, line in found["sectors"].items()}
    assert gaps == {"Energy": pytest.approx(0.6), "unknown": pytest.approx(-0.2), "Tech": pytest.approx(-0.4)}
    assert list(gaps) == ["Energy", "unknown", "Tech"]


def test_missing_debt_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    days = pd.DatetimeIndex(["2024-01-19", "2024-04-19"])
    owed = {days[0]: [1.0, np.nan, np.nan, 2.0], days[1]: [1.0, 3.0, np.nan, 2.0]}
    tickers = pd.Index(list("ABCD"))
    screened = {
        day: SimpleNamespace(
            view=SimpleNamespace(tickers=tickers, day=day), eligible=np.array([True, True, False, True])
        )
        for day in days
    }
    monkeypatch.setattr(evidence, "debt", lambda view: np.array(owed[view.day]))
    weights = pd.DataFrame([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]], index=days, columns=tickers)
    short = SimpleNamespace(
        rebalances=days, signal_sessions=pd.Series(days, index=days), screened=screened, weights=weights
    )
    found = evidence.missing_debt(SimpleNamespace(sessions=days, short=short))  # type: ignore[arg-type]
    assert found == {"universe": pytest.approx(1 / 6), "basket": 0.5, "basket_most": 0.5, "basket_last": 0.5}


def test_what_the_data_cannot_carry_says_why(returns: pd.DataFrame) -> None:
    """A run of three weeks without factor returns, an AI fund or screens still ends, with reasons in the place."""
    short = measured(returns.drop(columns="ai").iloc[:15])
    told = {
        "marginal": evidence.or_reason(lambda: evidence.marginal(short.returns)),
        "worst_ai_days": evidence.or_reason(lambda: evidence.ai_days(short, 1.0)),
        "capture": evidence.or_reason(lambda: evidence.captured(short.returns)),
        "missing_debt": evidence.or_reason(lambda: evidence.missing_debt(short.legs)),
    }
    assert "reason" not in told["marginal"]
    assert "SMH" in told["worst_ai_days"]["reason"]
    assert "worst 5%" in told["capture"]["reason"]
    assert "screen" in told["missing_debt"]["reason"]
    with pytest.raises(DataError, match="factor"):
        evidence.attributed(short)
