"""Regime signals against figures made by hand, on planted arrays and on the shipped sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import market
import screens.regime
from market.errors import ConfigError, DataError
from screens.regime.signals import SIGNALS
from screens.regime.spec import RegimeSpec
from screens.regime.tape import Tape
from screens.regime.trend import streak

FRAGILITY = Path(__file__).parents[2] / "configs/regimes/fragility.yaml"


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.fixture(scope="module")
def tape(data):
    return Tape(data, "sp500", "^GSPC", "SPY")


@pytest.fixture(scope="module")
def history(data):
    return screens.regime.history(FRAGILITY, data)


def row(tape, day):
    return tape.sessions.get_loc(pd.Timestamp(day))


def test_the_streak_of_the_note(history):
    """S&P 500 closes above the 50-day average: 128 on 2025-10-31, 138 on 2025-11-14, broken on 2025-11-17."""
    count = history["value", "dma_streak"]
    assert count["2025-10-31"] == 128
    assert count["2025-11-07"] == 133
    assert count["2025-11-14"] == 138
    assert count["2025-11-17"] == 0
    assert count["2025-05-01"] == 1
    assert count["2025-04-30"] == 0


def test_breadth_of_the_note(history):
    """Reuters: 36 % of members above their 50-day average on 2025-11-17, peak 80 % on 1 July; 54 % above the 200-day
    one on 24 November. The sample holds most members, not all."""
    assert history.loc["2025-11-17", ("value", "breadth_50")] == pytest.approx(0.36, abs=0.015)
    assert history.loc["2025-07-01", ("value", "breadth_50")] == pytest.approx(0.80, abs=0.015)
    assert history.loc["2025-11-24", ("value", "breadth_200")] == pytest.approx(0.54, abs=0.015)


def test_streak_counts_sessions_and_returns_to_zero():
    above = np.array([True, True, False, True, True, True])
    known = np.array([False, True, True, True, True, True])
    np.testing.assert_array_equal(streak(above, known), [np.nan, 1, 0, 1, 2, 3])


def test_breadth_and_new_highs_by_hand(tape, data):
    day = "2024-08-05"
    t = row(tape, day)
    members = [name for name in data.members_on("sp500", day) if name in data.tickers]
    closes = data.panel(members, end=day).carried_close()
    above = known = highs = lows = whole = 0
    for i in range(len(members)):
        series = pd.Series(closes[:, i]).ffill(limit=5)
        if np.isnan(closes[-1, i]):
            continue
        if series[-50:].notna().all():
            known += 1
            above += closes[-1, i] > series[-50:].mean()
        if len(series) >= 252 and series[-252:].notna().all():
            whole += 1
            highs += closes[-1, i] >= series[-252:].max()
            lows += closes[-1, i] <= series[-252:].min()
    assert SIGNALS["breadth"](tape, window=50)[t] == pytest.approx(above / known)
    assert SIGNALS["new_highs_lows"](tape)[t] == pytest.approx((highs - lows) / whole)


def test_only_members_of_the_day_count(tape, data):
    """Palantir joined on 2024-09-23, Tesla on 2020-12-21: not a session earlier."""
    for name, day, before in (("PLTR", "2024-09-23", "2024-09-20"), ("TSLA", "2020-12-21", "2020-12-18")):
        column = data.tickers.get_loc(name)
        assert tape.members[row(tape, day), column]
        assert not tape.members[row(tape, before), column]
        assert np.isnan(tape.caps[row(tape, before), column])


def test_caps_are_those_of_views_with_one_line_an_issuer(tape, data):
    for day in ("2019-03-01", "2024-06-12"):
        t, view = row(tape, day), data.as_of(day)
        caps, known = tape.caps[t], np.isfinite(tape.caps[t])
        np.testing.assert_allclose(caps[known], view.market_cap()[known], rtol=1e-12)
        issuers = view.issuer()[known]
        assert len(set(issuers)) == len(issuers)
        assert tape.weights[t].sum() == pytest.approx(1)


def test_concentration_by_hand(tape):
    t = row(tape, "2025-10-31")
    weights = np.sort(tape.weights[t])[::-1]
    assert SIGNALS["top_share"](tape, count=10)[t] == pytest.approx(weights[:10].sum())
    assert SIGNALS["herfindahl"](tape)[t] == pytest.approx((weights**2).sum())
    seven = [tape.tickers.get_loc(x) for x in ("AAPL", "AMZN", "GOOGL", "META", "MSFT", "NVDA", "TSLA")]
    # Alphabet's line with the cap is GOOG here: the issuer counts, once, whichever line carries it
    alphabet = tape.tickers.get_loc("GOOG")
    share = SIGNALS["mega_cap_share"](tape)[t]
    assert share == pytest.approx(tape.weights[t, [*seven, alphabet]].sum())
    assert 0.30 < share < 0.40  # about 34 % of the index at the time


def test_cap_minus_equal_and_dispersion_by_hand(tape):
    t = row(tape, "2024-02-29")
    cap, equal, away = [], [], []
    for s in range(t - 62, t + 1):
        r, w, m = tape.returns[s], np.nan_to_num(tape.weights[s - 1]), tape.members[s - 1]
        ok = np.isfinite(r)
        w = np.where(ok, w, 0)
        index = (w[ok] * r[ok]).sum() / w.sum()
        cap.append(index)
        equal.append(r[ok & m].mean())
        away.append(np.sqrt((w[ok] * (r[ok] - index) ** 2).sum() / w.sum()))
    expected = np.prod(1 + np.array(cap)) - np.prod(1 + np.array(equal))
    assert SIGNALS["cap_minus_equal"](tape)[t] == pytest.approx(expected)
    assert SIGNALS["dispersion"](tape)[t] == pytest.approx(np.mean(away[-21:]))


def test_cap_weighted_return_is_near_the_index(tape):
    """The sample's members against SPY over 2023 (26.2 %): survivors and float make the difference."""
    start, end = row(tape, "2022-12-30") + 1, row(tape, "2023-12-29") + 1
    assert np.prod(1 + tape.cap_weighted_return[start:end]) - 1 == pytest.approx(0.262, abs=0.02)


def planted_tape(returns: np.ndarray, caps: np.ndarray | None = None, **tables: pd.DataFrame) -> Tape:
    """A market of `n` members with given returns, on the exchange's sessions of 2023."""
    sessions = market.open("sample").sessions
    sessions = sessions[(sessions >= "2023-01-03")][: len(returns) + 1]
    n = returns.shape[1]
    names = [f"A{i:03d}" for i in range(n)]
    close = 100 * np.cumprod(np.vstack([np.ones(n), 1 + returns]), axis=0)
    prices = pd.DataFrame(close, index=sessions, columns=names).rename_axis("date").reset_index()
    prices = prices.melt("date", var_name="ticker", value_name="close")
    prices["volume"] = 1e6
    caps = np.ones(n) if caps is None else caps
    return Tape(
        market.planted(
            prices=prices,
            members=pd.DataFrame({"index": "sp500", "ticker": names, "start": pd.Timestamp("2020-01-01")}),
            market_cap=pd.DataFrame({"date": sessions[0], "ticker": names, "value": caps * 1e9}),
            securities=pd.DataFrame({"ticker": names, "type": "stock", "sector": "Industrials"}),
            **tables,
        ),
        "sp500",
        "A000",
        "A000",
    )


def test_implied_correlation_recovers_the_one_that_was_planted():
    rng = np.random.default_rng(4)
    rho, sigma = 0.3, rng.uniform(0.01, 0.03, 60)
    common = rng.normal(size=(200, 1))
    returns = sigma * (np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=(200, 60)))
    tape = planted_tape(returns)
    assert SIGNALS["implied_correlation"](tape, window=150)[-1] == pytest.approx(rho, abs=0.08)
    # identical names: one
    same = planted_tape(np.repeat(0.02 * common, 30, axis=1))
    assert SIGNALS["implied_correlation"](same, window=150)[-1] == pytest.approx(1.0, abs=1e-6)


def test_reward_of_beats_in_both_alignments():
    """Thirty reports on one day; beats gain 2 % that day and 1 % the next, with three times the volume next day."""
    returns = np.zeros((90, 40))
    returns[60, 1:31], returns[61, 1:31] = 0.02, 0.01
    tape = planted_tape(returns)
    day = tape.sessions[61]  # the first row of returns is the second session
    earnings = pd.DataFrame({"ticker": [f"A{i:03d}" for i in range(1, 31)], "date": day})
    earnings["eps_actual"], earnings["eps_estimate"] = 1.1, 1.0
    earnings.loc[20:, "eps_actual"] = 0.9
    prices = tape.data.table("prices")
    prices.loc[prices["date"] == tape.sessions[62], "volume"] = 3e6
    with_earnings = Tape(tape.data.with_tables(earnings=earnings, prices=prices), "sp500", "A000", "A000")
    together = SIGNALS["beat_reward"](with_earnings)
    assert np.isnan(together[61])  # known only when the next session has closed
    assert together[62] == pytest.approx(1.02 * 1.01 - 1)
    assert SIGNALS["beat_reward"](with_earnings, alignment="volume")[62] == pytest.approx(0.01)
    assert SIGNALS["earnings_beats"](with_earnings)[62] == pytest.approx(20 / 30)
    assert SIGNALS["earnings_reported"](with_earnings)[62] == pytest.approx(30 / 40)
    assert SIGNALS["earnings_reported"](with_earnings)[61] == 0  # the time of day is unknown
    before_open = Tape(
        tape.data.with_tables(earnings=earnings.assign(when="bmo"), prices=prices), "sp500", "A000", "A000"
    )
    assert SIGNALS["beat_reward"](before_open)[61] == pytest.approx(0.02)
    after_close = Tape(
        tape.data.with_tables(earnings=earnings.assign(when="amc"), prices=prices), "sp500", "A000", "A000"
    )
    assert SIGNALS["beat_reward"](after_close)[62] == pytest.approx(0.01)
    assert SIGNALS["earnings_reported"](before_open)[61] == pytest.approx(30 / 40)


def facts(ticker: str, item: str, values: dict[str, float], flow_days: int | None = None) -> list[dict]:
    rows = []
    for end, value in values.items():
        end_day = pd.Timestamp(end)
        filed = end_day + pd.Timedelta(days=30)
        start = None if flow_days is None else end_day - pd.Timedelta(days=flow_days - 1)
        form = "10-K" if flow_days and flow_days > 300 else "10-Q"
        rows.append(
            {"ticker": ticker, "item": item, "period_end": end_day, "period_start": start, "value": value,
             "filed": filed, "form": form}
        )  # fmt: skip
    return rows


def test_capital_cycle_on_planted_statements():
    rows = []
    for ticker, scale in (("A001", 1.0), ("A002", 2.0)):
        quarters = {"2021-03-31": 10, "2021-06-30": 10, "2021-09-30": 10, "2021-12-31": 10,
                    "2022-03-31": 15, "2022-06-30": 15, "2022-09-30": 15, "2022-12-31": 15}  # fmt: skip
        rows += facts(ticker, "capital_expenditure", {d: v * scale for d, v in quarters.items()}, 91)
        rows += facts(ticker, "capital_expenditure", {"2021-12-31": 40 * scale, "2022-12-31": 60 * scale}, 365)
        debt = {"2021-12-31": 100, "2022-12-31": 100 + 30 * scale, "2022-03-31": 100}
        rows += facts(ticker, "long_term_debt", debt)
        rows += facts(ticker, "assets", {"2022-12-31": 1000})
    tape = planted_tape(np.zeros((60, 4)), facts=pd.DataFrame(rows))
    names = "A001,A002"
    t = row(tape, "2023-02-10")  # all filed on 2023-01-30
    assert SIGNALS["hyperscaler_capex"](tape, tickers=names)[t] == 180
    assert SIGNALS["hyperscaler_capex_growth"](tape, tickers=names)[t] == pytest.approx(0.5)
    assert SIGNALS["hyperscaler_capex_calendar"](tape, tickers=names)[t] == 180
    assert SIGNALS["hyperscaler_capex_calendar_growth"](tape, tickers=names)[t] == pytest.approx(0.5)
    assert SIGNALS["hyperscaler_debt_change"](tape, tickers=names)[t] == 90
    assert SIGNALS["hyperscaler_debt_share"](tape, tickers=names)[t] == pytest.approx(0.5)
    early = row(tape, "2023-01-27")  # the year is not filed yet
    assert SIGNALS["hyperscaler_capex"](tape, tickers=names)[early] == 120


def test_borrowing_share_counts_rises_only(tape, data):
    from screens.metrics import derived

    t = row(tape, "2025-10-31")
    week = tape.week_starts[np.searchsorted(tape.week_starts, t, side="right") - 1]
    assert tape.sessions[week] == pd.Timestamp("2025-10-27")
    view = data.as_of(tape.sessions[week])
    change = derived.debt(view) - derived.debt(view, 4)
    sector = view.sector()
    counted = tape.members[week] & ~np.isin(sector, ["Financials", "Real Estate"]) & (change > 0)
    tmt = np.isin(sector, ["Information Technology", "Communication Services", "Utilities"])
    expected = change[counted & tmt].sum() / change[counted].sum()
    assert SIGNALS["tech_utilities_borrowing"](tape)[t] == pytest.approx(expected)


def test_consumers_cyclicals_and_credit_by_hand(tape, data):
    t = row(tape, "2024-10-31")
    panel = data.panel()
    spread = [np.prod(1 + panel.total_returns()[t - 62 : t + 1, panel.column(x)]) for x in ("HYG", "SHY")]
    assert SIGNALS["credit"](tape)[t] == pytest.approx(spread[0] - spread[1])
    restaurants = tape.industry_is("Restaurants")
    held = [np.nanmean(tape.returns[s, restaurants & tape.members[s - 1]]) for s in range(t - 62, t + 1)]
    everyone = tape.equal_weighted_return[t - 62 : t + 1]
    expected = np.prod(1 + np.array(held)) - np.prod(1 + everyone)
    assert SIGNALS["consumer_return"](tape, cohort="restaurants")[t] == pytest.approx(expected)


def test_a_store_without_a_fund_or_a_table_leaves_the_signal_unknown():
    tape = planted_tape(np.zeros((60, 3)))
    assert np.isnan(SIGNALS["credit"](tape)).all()
    assert np.isnan(SIGNALS["earnings_beats"](tape)).all()
    assert np.isnan(SIGNALS["user_series"](tape, series="hy_oas")).all()


def test_a_series_of_your_own(data):
    sessions = data.sessions
    rows = pd.DataFrame({"date": sessions[[100, 103]], "name": "hy_oas", "value": [0.04, 0.05]})
    tape = Tape(data.with_tables(factors=rows), "sp500", "^GSPC", "SPY")
    series = SIGNALS["user_series"](tape, series="hy_oas")
    assert np.isnan(series[99])
    assert series[100:104].tolist() == [0.04, 0.04, 0.04, 0.05]
    assert series[113] == 0.05
    assert np.isnan(series[114])  # older than ten sessions


def test_nothing_after_the_session_is_seen(data, history):
    """The whole history, recomputed on data cut at a day, ends as it did with the future in place."""
    day = "2022-06-16"
    cut = screens.regime.history(FRAGILITY, data.cut(day))
    pd.testing.assert_frame_equal(cut, history.loc[:day], rtol=1e-9, atol=1e-12, check_freq=False)


def test_evaluate_is_a_row_of_the_history_with_definitions(data, history):
    regime = screens.regime.evaluate(FRAGILITY, data, "2025-10-31")
    assert regime["as_of"] == "2025-10-31"
    assert regime["score"] == pytest.approx(history.loc["2025-10-31", ("session", "score")])
    assert regime["state"] in ("on", "off")
    breadth = regime["signals"]["breadth_200"]
    assert breadth["definition"] == "share of the day's members whose close is above their average of 200 closes"
    assert breadth["fragile"] == "low"
    assert breadth["value"] == pytest.approx(history.loc["2025-10-31", ("value", "breadth_200")])
    assert regime["signals"]["hyperscaler_capex_calendar"]["value"] is None
    early = screens.regime.evaluate(FRAGILITY, data, "2018-06-01")
    assert early["state"] == "unknown"  # less than two years of any signal
    assert early["score"] is None
    with pytest.raises(ConfigError, match="2025-11-01 is not a session"):
        screens.regime.evaluate(FRAGILITY, data, "2025-11-01")


def test_the_score_is_the_weighted_mean_of_fragile_percentiles(history):
    from screens.loading import load

    spec = load(FRAGILITY, RegimeSpec)
    day = history.loc["2024-03-28"]
    total = weight = 0.0
    for use in spec.signals:
        side = use.fragile or SIGNALS[use.signal].fragile
        p = day["percentile", use.label]
        if use.weight and side != "neither" and np.isfinite(p):
            total += use.weight * (p if side == "high" else 1 - p)
            weight += use.weight
    assert day["session", "score"] == pytest.approx(total / weight)


def test_an_unknown_index_is_said_so(data):
    with pytest.raises(DataError, match="no members of index 'sp1500' in this store"):
        _ = Tape(data, "sp1500", "^GSPC", "SPY").members
