"""The view: aligned vectors, the cut that nothing crosses, sizes, fees and announcements as they were known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import market
from market.calendar import sessions_between
from market.errors import ConfigError, DataError

SESSIONS = sessions_between("2023-01-03", "2024-06-28")
N = len(SESSIONS)
T = 200
TODAY = SESSIONS[T]
NAMES = ["AAA", "BBB", "CCC", "SPY"]


def _tables(seed: int, sessions: pd.DatetimeIndex = SESSIONS) -> dict[str, pd.DataFrame]:
    """Every table, filled from one seed: two seeds give two histories."""
    rng = np.random.default_rng(seed)
    n = len(sessions)
    prices = pd.concat(
        pd.DataFrame(
            {
                "date": sessions,
                "ticker": name,
                "close": np.where(rng.random(n) < 0.02, np.nan, rng.uniform(5, 50, n)),
                "volume": rng.uniform(1e4, 1e6, n),
                "dividend": np.where(rng.random(n) < 0.02, 0.3, np.nan),
                "split": np.where(rng.random(n) < 0.01, 2.0, np.nan),
            }
        ).dropna(subset="close")
        for name in NAMES[:3]
    )
    spy = pd.DataFrame({"date": sessions, "ticker": "SPY", "adj_close": rng.uniform(100, 110, n)})
    months = sessions[::21]
    each = pd.MultiIndex.from_product([months, NAMES[:3]], names=["date", "ticker"]).to_frame(index=False)
    m = len(each)
    facts = each.rename(columns={"date": "period_end"}).assign(
        item=rng.choice(["assets", "revenue", "shares_outstanding"], m), value=rng.uniform(1e6, 1e9, m)
    )
    facts["period_start"] = np.where(facts["item"] == "revenue", facts["period_end"] - pd.Timedelta(days=90), pd.NaT)
    facts["period_start"] = pd.to_datetime(facts["period_start"])
    facts["filed"] = facts["period_end"] + pd.to_timedelta(rng.integers(5, 60, m), "D")
    return {
        "prices": pd.concat([prices, spy], ignore_index=True),
        "facts": facts,
        "market_cap": each.assign(value=rng.uniform(1e8, 1e11, m)),
        "members": pd.DataFrame(
            {"index": "x", "ticker": ["AAA", "BBB", "CCC"], "start": [sessions[0], sessions[0], sessions[n // 3]],
             "end": [sessions[rng.integers(n // 2, n)], None, None]}
        ),
        "rates": pd.DataFrame({"date": sessions, "name": "fed_funds", "value": rng.uniform(0, 0.06, n)}),
        "borrow": each.assign(fee_annual=rng.uniform(0, 0.1, m), available_shares=rng.uniform(1e3, 1e6, m)),
        "short_interest": each.rename(columns={"date": "settlement_date"}).assign(
            published_date=lambda f: f["settlement_date"] + pd.Timedelta(days=11),
            short_percent_of_float=rng.uniform(0, 40, m),
        ),
        "tags": pd.DataFrame(
            {"ticker": NAMES[:3], "tag": "ai_semis", "valid_from": sessions[rng.integers(0, n, 3)], "valid_to": None,
             "source": "test"}
        ),
        "filing_text": each.rename(columns={"date": "filed"}).assign(
            form="10-K", section="1A", words=rng.uniform(1e3, 1e4, m), adoption_hits=rng.uniform(0, 20, m),
            infrastructure_hits=rng.uniform(0, 20, m),
        ),
        "earnings": each.assign(when=rng.choice(["bmo", "amc"], m), eps_actual=rng.normal(size=m)),
        "factors": pd.DataFrame({"date": sessions, "name": "Mkt-RF", "value": rng.normal(0, 0.01, n)}),
        "securities": pd.DataFrame({"ticker": NAMES, "sector": "Energy", "type": ["stock"] * 3 + ["fund"]}),
    }  # fmt: skip


QUESTIONS: dict[str, Callable[[market.View], object]] = {
    "close": lambda v: v.close(),
    "closes": lambda v: v.closes(60),
    "returns": lambda v: v.returns(126),
    "long returns": lambda v: v.returns(400),
    "series": lambda v: v.series("SPY", 50),
    "history": lambda v: v.history_sessions(),
    "dollar_volume": lambda v: v.dollar_volume(63),
    "market_cap": lambda v: v.market_cap(),
    "assets": lambda v: v.item("assets"),
    "revenue": lambda v: v.item("revenue", "quarter"),
    "period_end": lambda v: v.item_period_end("assets", "latest"),
    "members": lambda v: v.is_member("x"),
    "stocks": lambda v: v.is_stock(),
    "sector": lambda v: v.sector(),
    "fee": lambda v: v.borrow_fee(),
    "known": lambda v: v.borrow_known(),
    "available": lambda v: v.borrow_available(),
    "short_interest": lambda v: v.short_interest("short_percent_of_float"),
    "rate": lambda v: v.rate_history("fed_funds", 30),
    "factor": lambda v: v.factor("Mkt-RF", 30),
    "tagged": lambda v: v.tagged("ai_semis"),
    "words": lambda v: v.text("adoption_density"),
    "earnings": lambda v: v.earnings().to_numpy(dtype=str),
}


@pytest.fixture(scope="module")
def whole() -> market.Market:
    return market.planted("test", **_tables(1))


@pytest.fixture(scope="module")
def garbage() -> market.Market:
    """The same tables up to the close of TODAY, and after it those of another history."""
    one, two = _tables(1), _tables(2)
    known = {"facts": "filed", "members": "start", "short_interest": "published_date", "tags": "valid_from",
             "filing_text": "filed"}  # fmt: skip
    mixed = {}
    for name, rows in one.items():
        if name == "securities":
            mixed[name] = rows
            continue
        by = known.get(name, "date")
        past, future = rows[rows[by] <= TODAY], two[name][two[name][by] > TODAY]
        if name == "members":  # an end that lies ahead may turn out differently
            past = past.assign(end=past["end"].where(past["end"] <= TODAY, SESSIONS[-1]))
        mixed[name] = pd.concat([past, future], ignore_index=True)
    return market.planted("test", **mixed)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_future_never_reaches_a_view(whole: market.Market, garbage: market.Market, question: str) -> None:
    """Everything after t replaced by another history, or removed: the answers at t are equal to the bit."""
    ask = QUESTIONS[question]
    for t in (T, T - 1, T - 40):
        session = SESSIONS[t]
        answer = ask(whole.as_of(session))
        for other in (garbage, whole.cut(session), garbage.cut(TODAY)):
            np.testing.assert_array_equal(np.asarray(ask(other.as_of(session))), np.asarray(answer), strict=True)


def test_the_garbage_is_garbage(whole: market.Market, garbage: market.Market) -> None:
    after = SESSIONS[T + 45]
    same = [
        q for q, ask in QUESTIONS.items()
        if np.array_equal(*(np.asarray(ask(data.as_of(after)), dtype=str) for data in (whole, garbage)))
    ]  # fmt: skip
    assert set(same) <= {"stocks", "sector", "history", "known", "members", "tagged"}


def test_a_cut_market_ends_at_its_session(whole: market.Market) -> None:
    cut = whole.cut(TODAY)
    assert cut.end == TODAY
    assert cut.tickers.equals(whole.tickers)
    assert cut.table("prices")["date"].max() <= TODAY
    assert cut.table("short_interest")["published_date"].max() <= TODAY
    assert cut.table("members")["end"].isna().all() or cut.table("members")["end"].max() <= TODAY
    assert cut.fingerprint != whole.fingerprint
    with pytest.raises(DataError, match=r"2024-01-02 is outside the data \(2023-01-03 to .*\); the nearest session is"):
        cut.as_of("2024-01-02")
    with pytest.raises(DataError, match="plant tables in the whole market, then cut it"):
        cut.with_tables(rates=_tables(1)["rates"])


def test_windows_are_padded_where_the_data_begin(whole: market.Market) -> None:
    view = whole.as_of(SESSIONS[2])
    assert view.returns(5).shape == (5, 4)
    assert np.isnan(view.returns(5)[:3]).all()  # two sessions before the data, and the first has no return
    assert view.series("SPY", 5).shape == (5,)
    assert not view.returns(5).flags.writeable
    assert view.returns(5) is view.returns(5)
    with pytest.raises(DataError, match="a window of 0 sessions"):
        view.returns(0)
    with pytest.raises(DataError, match="no prices of 'SPX' in test; did you mean SPY"):
        view.series("SPX", 5)
    with pytest.raises(DataError, match="no rate is called 'libor' in this store; it has: fed_funds"):
        view.rate("libor")
    with pytest.raises(DataError, match="filing texts have no 'hits'"):
        view.text("hits")


def test_days_that_are_no_sessions_name_the_nearest() -> None:
    data = market.planted("test", prices=pd.DataFrame({"date": SESSIONS, "ticker": "A", "close": 1.0}))
    closed = "is not a session of the exchange; the last one before it is 2023-04-06, the next one 2023-04-10"
    with pytest.raises(ConfigError, match=closed):  # the day is wrong, the data are not: exit 2
        data.as_of("2023-04-07")
    with pytest.raises(ConfigError, match="'soon' is not a date"):  # a slip of the pen, not missing data: exit 2
        data.as_of("soon")
    assert data.session_on_or_before("2023-04-08") == pd.Timestamp("2023-04-06")
    assert data.session_on_or_after("2023-04-07") == pd.Timestamp("2023-04-10")
    with pytest.raises(DataError, match="outside the data"):
        data.session_on_or_after("2024-07-01")


def _flat(closes: list[float], splits: dict[int, float] | None = None, **more: pd.DataFrame) -> market.Market:
    prices = pd.DataFrame({"date": SESSIONS[: len(closes)], "ticker": "A", "close": closes})
    prices["split"] = [(splits or {}).get(i) for i in range(len(closes))]
    return market.planted("test", prices=prices, **more)


def test_market_cap_moves_with_the_split_consistent_close() -> None:
    caps = pd.DataFrame({"date": [SESSIONS[1]], "ticker": ["A"], "value": [1000.0], "source": ["screener"]})
    data = _flat([10.0, 20.0, 22.0, 11.5, 11.5], {3: 2.0}, market_cap=caps)
    values = [float(data.as_of(day).market_cap()[0]) for day in SESSIONS[:5]]
    assert np.isnan(values[0])
    np.testing.assert_allclose(values[1:], [1000.0, 1100.0, 1150.0, 1150.0])
    assert data.as_of(SESSIONS[4]).market_cap_source()[0] == "screener"


def test_market_cap_from_share_counts_on_one_split_basis() -> None:
    facts = pd.DataFrame(
        {"ticker": ["A"], "item": ["shares_outstanding"], "period_end": [SESSIONS[1]], "value": [100.0],
         "filed": [SESSIONS[1]]}
    )  # fmt: skip
    data = _flat([10.0, 20.0, 22.0, 11.5, 11.5], {3: 2.0}, facts=facts)
    values = [float(data.as_of(day).market_cap()[0]) for day in SESSIONS[:5]]
    assert np.isnan(values[:2]).all()  # filed on session 1, known on session 2
    np.testing.assert_allclose(values[2:], [2200.0, 2 * 100 * 11.5, 2 * 100 * 11.5])
    assert data.as_of(SESSIONS[4]).market_cap_source()[0] == "shares_outstanding x close"


def test_dollar_volume_is_a_median_of_known_days() -> None:
    prices = pd.DataFrame({"date": SESSIONS[:4], "ticker": "A", "close": 2.0, "volume": [10, 30, None, 20]})
    view = market.planted("test", prices=prices).as_of(SESSIONS[3])
    assert view.dollar_volume(4)[0] == 40.0  # of 20, 60 and 40
    assert view.dollar_volume(6)[0] == 40.0  # three of six are enough
    assert np.isnan(view.dollar_volume(7)[0])


def test_borrow_fees_are_dated_or_tiers() -> None:
    names = ["GC", "WARM", "SMALL", "SPEC", "HTB", "CHEAP", "DATED"]
    prices = pd.concat(
        pd.DataFrame({"date": SESSIONS[:60], "ticker": name, "close": 4.0 if name == "CHEAP" else 40.0})
        for name in names
    )
    caps = pd.DataFrame({"date": SESSIONS[0], "ticker": names, "value": [5e9, 5e9, 1e9, 5e9, 5e9, 5e9, 5e9]})
    short = pd.DataFrame(
        {"settlement_date": SESSIONS[1], "published_date": SESSIONS[9], "ticker": ["GC", "WARM", "SPEC", "HTB"],
         "shares_short": [5.0, 15.0, 20.0, 31.0], "float_shares": 100.0}
    )  # fmt: skip
    borrow = pd.DataFrame(
        {"date": ["2023-02-04"], "ticker": ["DATED"], "fee_annual": [0.07], "available_shares": [5.0]}
    )
    data = market.planted("test", prices=prices, market_cap=caps, short_interest=short, borrow=borrow)
    on = lambda t: dict(zip(data.tickers, data.as_of(SESSIONS[t]).borrow_fee(), strict=True))  # noqa: E731
    assert on(10) == {"GC": 0.003, "WARM": 0.01, "SMALL": 0.01, "SPEC": 0.05, "HTB": 0.2, "CHEAP": 0.2, "DATED": 0.003}
    assert on(8)["HTB"] == 0.003  # not published yet
    monday = SESSIONS.get_loc(pd.Timestamp("2023-02-06"))  # the snapshot is a Saturday's
    assert [on(t)["DATED"] for t in (monday - 1, monday, monday + 20, monday + 21)] == [0.003, 0.07, 0.07, 0.003]
    assert data.as_of(SESSIONS[monday]).borrow_known().sum() == 1
    assert data.as_of(SESSIONS[monday]).borrow_available()[data.tickers.get_loc("DATED")] == 5.0
    assert data.borrow is not None
    booked = data.borrow.booked(60, len(data.tickers))[:, data.tickers.get_loc("DATED")]  # a cost looks both ways
    assert np.flatnonzero(~np.isnan(booked)).tolist() == list(range(monday - 20, monday + 21))


def test_a_fee_being_charged_is_not_replaced_by_one_still_to_come() -> None:
    prices = pd.DataFrame({"date": SESSIONS[:80], "ticker": "A", "close": 40.0})
    borrow = pd.DataFrame({"date": SESSIONS[[10, 22, 70]], "ticker": "A", "fee_annual": [0.01, 0.20, 0.05]})
    data = market.planted("test", prices=prices, borrow=borrow)
    assert data.borrow is not None
    booked = data.borrow.booked(80, 1)[:, 0]
    assert booked[:10].tolist() == [0.01] * 10  # nothing dated yet: the first within 20 sessions ahead
    assert booked[10:22].tolist() == [0.01] * 12  # not the 20 % that was asked from the 22nd on
    assert booked[22:43].tolist() == [0.20] * 21
    assert np.isnan(booked[43:50]).all()
    assert booked[50:].tolist() == [0.05] * 30


def test_announcements_and_texts_wait_for_their_hour() -> None:
    rows = pd.DataFrame(
        {
            "ticker": "A",
            "date": [SESSIONS[3], SESSIONS[4], SESSIONS[5]],
            "when": ["bmo", "amc", None],
            "eps_actual": 1.0,
        }
    )
    texts = pd.DataFrame(
        {"ticker": "A", "filed": SESSIONS[3], "form": "10-K", "section": ["1", "1A"], "words": [6000, 4000],
         "adoption_hits": [3, 2], "infrastructure_hits": 0}
    )  # fmt: skip
    data = _flat([1.0] * 8, earnings=rows, filing_text=texts)
    assert [len(data.as_of(day).earnings()) for day in SESSIONS[2:7]] == [0, 1, 1, 2, 3]
    assert np.isnan(data.as_of(SESSIONS[3]).text("words")[0])
    assert data.as_of(SESSIONS[4]).text("words")[0] == 10_000
    assert data.as_of(SESSIONS[4]).text("adoption_density")[0] == 5.0


def test_rates_are_published_the_morning_after() -> None:
    rates = pd.DataFrame({"date": SESSIONS[:3], "name": "fed_funds", "value": [0.01, 0.02, 0.03]})
    data = _flat([1.0] * 12, rates=rates)
    assert data.rates("fed_funds").tolist()[:4] == [0.01, 0.02, 0.03, 0.03]
    assert [data.as_of(day).rate("fed_funds") for day in SESSIONS[1:4]] == [0.01, 0.02, 0.03]
    assert np.isnan(data.rates("fed_funds").iloc[-1])  # older than ten days
