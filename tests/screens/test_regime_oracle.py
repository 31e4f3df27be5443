"""Every line of the market note on one date, computed a second time in pandas from the tables alone.

Nothing of the regime's own machinery is used here: members, caps and announcements come from the tables of the sample,
prices as traded from its panel, statements from a view. The day is the note's: 2025-10-31.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import market
import screens.regime
from screens.loading import load
from screens.regime.spec import RegimeSpec

FRAGILITY = Path(__file__).parents[2] / "configs/regimes/fragility.yaml"
DAY = pd.Timestamp("2025-10-31")
SEVEN = ["AAPL", "AMZN", "GOOG", "GOOGL", "META", "MSFT", "NVDA", "TSLA"]  # both lines of Alphabet
HYPERSCALERS = ["AMZN", "GOOGL", "META", "MSFT", "ORCL"]
COHORTS = {
    "restaurants": ["Restaurants"],
    "stores": [
        "Apparel Retail", "Automotive Retail", "Computer & Electronics Retail", "Consumer Staples Merchandise Retail",
        "Food Retail", "Home Improvement Retail", "Homefurnishing Retail", "Other Specialty Retail",
    ],
    "travel": ["Casinos & Gaming", "Hotels, Resorts & Cruise Lines", "Passenger Airlines"],
    "digital": [
        "Broadline Retail", "Interactive Home Entertainment", "Interactive Media & Services", "Movies & Entertainment",
        "Passenger Ground Transportation",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.fixture(scope="module")
def found(data) -> dict[str, float]:
    readings = screens.regime.evaluate(FRAGILITY, data, DAY)["signals"]
    return {name: reading["value"] for name, reading in readings.items()}


@pytest.fixture(scope="module")
def world(data) -> SimpleNamespace:
    """Prices as traded, as frames of sessions by tickers up to the day, and what follows from them."""
    panel = data.panel(end=DAY)
    wide = {
        name: pd.DataFrame(getattr(panel, name), index=panel.sessions, columns=panel.tickers)
        for name in ("close", "split", "dividend", "volume")
    }
    close, split, dividend = wide["close"], wide["split"], wide["dividend"]
    before = close.ffill(limit=5).shift()
    returns = (split * (close + dividend) / before - 1).where(close.notna() & before.notna())
    carried = close * split.cumprod()
    security = data.table("securities").set_index("ticker")
    return SimpleNamespace(
        close=close,
        caps=data.table("market_cap").query("date >= '2025-06-01'"),
        carried=carried,
        held=carried.ffill(limit=5),
        returns=returns,
        volume=wide["volume"],
        security=security,
        sector=security["sector"],
        industry=security["industry"],
    )


def members(data, day: pd.Timestamp) -> list[str]:
    rows = data.rows("members")
    on = (rows["index"] == "sp500") & (rows["start"] <= day) & (rows["end"].isna() | (rows["end"] >= day))
    return sorted(set(rows.loc[on, "ticker"]) & set(data.tickers))


@pytest.fixture(scope="module")
def now(data) -> list[str]:
    return members(data, DAY)


def caps(data, world: SimpleNamespace, day: pd.Timestamp) -> pd.Series:
    """The last cap of each member, carried by its price to the day; of each issuer the first line by ticker."""
    rows = world.caps
    recent = rows["date"].between(day - pd.Timedelta(days=45), day)
    rows = rows[recent & rows["ticker"].isin(members(data, day))].sort_values("date")
    last = rows.groupby("ticker").tail(1).set_index("ticker")
    then = pd.Series({t: world.held.loc[: last["date"][t], t].iloc[-1] for t in last.index})
    value = (last["value"] * world.held.loc[day, last.index] / then).dropna().sort_index()
    cik = world.security["cik"].reindex(value.index)
    return value[~(cik.duplicated() & cik.notna())]


@pytest.fixture(scope="module")
def weights(data, world) -> pd.Series:
    value = caps(data, world, DAY)
    return value / value.sum()


def same(found: dict[str, float], name: str, expected: float, rel: float = 1e-9) -> None:
    assert found[name] == pytest.approx(expected, rel=rel, abs=1e-12), name


# --- trend and breadth ----------------------------------------------------------------------------------------------


def test_streak_and_distance(found, world) -> None:
    level = world.close["^GSPC"].dropna()
    average = level.rolling(50).mean()
    above = level > average
    same(found, "dma_streak", above.size - 1 - np.flatnonzero(~above.to_numpy())[-1])
    same(found, "dma_distance", level.iloc[-1] / average.iloc[-1] - 1)


def test_breadth(found, data, world) -> None:
    def share(window: int, back: int = 0) -> tuple[float, pd.Series]:
        day = world.held.index[-1 - back]
        names = members(data, day)
        average = world.held[names].rolling(window).mean().loc[day]
        known = average.notna() & world.carried.loc[day, names].notna()
        above = world.carried.loc[day, names] > average
        return (above & known).sum() / known.sum(), above & known

    same(found, "breadth_50", share(50)[0])
    same(found, "breadth_200", share(200)[0])
    same(found, "breadth_50_week", share(50)[0] - share(50, 5)[0])
    names = members(data, DAY)
    average = world.held[names].rolling(50).mean()
    now, week_ago = (world.carried[names].iloc[-1 - back] > average.iloc[-1 - back] for back in (0, 5))
    known = average.iloc[-1].notna() & world.carried.loc[DAY, names].notna()
    same(found, "fell_below_50_week", (week_ago & ~now & known).sum() / known.sum())


def test_new_highs_and_lows(found, data, world) -> None:
    names = members(data, DAY)
    closes = world.held[names]
    high, low = closes >= closes.rolling(252).max(), closes <= closes.rolling(252).min()
    known = closes.rolling(252).count().iloc[-1].eq(252) & world.carried.loc[DAY, names].notna()
    same(found, "new_highs_lows", (high.iloc[-1][known].sum() - low.iloc[-1][known].sum()) / known.sum())
    same(found, "new_highs_week", high.iloc[-5:].any()[known].sum() / known.sum())
    same(found, "new_lows_week", low.iloc[-5:].any()[known].sum() / known.sum())


def test_net_new_highs_averaged(found, data) -> None:
    """The exponential average of the daily line, of span ten, begins with its first value."""
    daily = screens.regime.history(FRAGILITY, data)["value", "new_highs_lows"].loc[:DAY].dropna()
    same(found, "new_highs_lows_average", daily.ewm(span=10, adjust=False).mean().iloc[-1])


# --- concentration and dispersion -----------------------------------------------------------------------------------


def test_concentration(found, weights) -> None:
    same(found, "mega_cap_share", weights[weights.index.isin(SEVEN)].sum())
    same(found, "top_10_share", weights.nlargest(10).sum())
    same(found, "herfindahl", (weights**2).sum())
    assert 1 / found["herfindahl"] == pytest.approx(41.6, abs=0.5)  # the index moves like forty-odd equal companies


@pytest.fixture(scope="module")
def window(data, world) -> SimpleNamespace:
    """Members, cap weights and returns over the last 63 sessions; weights and members are those of the close before."""
    days = world.returns.index[-64:]
    cap_weighted, equal, dispersions = [], [], []
    for before, day in itertools.pairwise(days):
        held = members(data, before)
        returns = world.returns.loc[day]
        equal.append(returns[held].mean())
        value = caps(data, world, before)
        value = value[returns[value.index].notna()]
        weight = value / value.sum()
        index = (weight * returns[weight.index]).sum()
        cap_weighted.append(index)
        dispersions.append(np.sqrt((weight * (returns[weight.index] - index) ** 2).sum()))
    made = {"cap": cap_weighted, "equal": equal, "dispersion": dispersions}
    return SimpleNamespace(**{name: pd.Series(values, index=days[1:]) for name, values in made.items()})


def compounded(returns: pd.Series) -> float:
    return float((1 + returns).prod() - 1)


def test_cap_against_equal_weights_and_dispersion(found, window) -> None:
    same(found, "cap_minus_equal", compounded(window.cap) - compounded(window.equal))
    same(found, "dispersion", window.dispersion.iloc[-21:].mean())


def test_implied_correlation(found, world, weights, window) -> None:
    variance = (
        world.returns[weights.index].iloc[-63:].var().where(world.returns[weights.index].iloc[-63:].notna().all())
    )
    weight = weights[variance.notna()]
    weight, variance = weight / weight.sum(), variance.dropna()
    own = (weight**2 * variance).sum()
    whole = (weight * np.sqrt(variance)).sum() ** 2
    same(found, "implied_correlation", (window.cap.var() - own) / (whole - own), rel=1e-7)


def test_the_ai_basket_against_equal_weights(found, world, window) -> None:
    from screens.ai_basket import AiBasketSpec

    spec = load(FRAGILITY.parent.parent / "ai/ai_leaders.yaml", AiBasketSpec)
    returns = []
    for day in window.equal.index:
        live = [c.ticker for c in spec.constituents if pd.Timestamp(c.start) <= day and c.ticker in world.returns]
        returns.append(world.returns.loc[day, live].mean())
    same(found, "ai_minus_equal", compounded(pd.Series(returns)) - compounded(window.equal))


# --- earnings -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reports(data, world) -> pd.DataFrame:
    """Announcements of the day's members, with the sessions they fall on and both reactions in excess of SPY."""
    sessions = world.returns.index
    rows = data.table("earnings")
    rows = rows[rows["date"].between(sessions[0], DAY) & rows["ticker"].isin(data.tickers)].copy()
    rows["at"] = sessions.searchsorted(rows["date"])
    rows = rows[rows["at"] < len(sessions)]
    spells = data.table("members").query("index == 'sp500'").drop(columns="index")
    rows = rows.merge(spells, on="ticker")
    day = sessions[rows["at"]]
    rows = rows[(rows["start"] <= day) & (rows["end"].isna() | (rows["end"] >= day))]
    rows["known"] = rows["at"] + (sessions[rows["at"]] == rows["date"].to_numpy())
    excess = world.returns.sub(world.returns["SPY"], axis=0)
    usual = world.volume.rolling(21).mean().shift()
    relative = (world.volume / usual.where(usual > 0)).fillna(1.0)
    rows = rows[rows["at"] + 1 < len(sessions)]
    for name, frame in (("move", excess), ("volume", relative)):
        values = frame.to_numpy()
        column = frame.columns.get_indexer(rows["ticker"])
        rows[f"{name}_0"], rows[f"{name}_1"] = values[rows["at"], column], values[rows["at"] + 1, column]
    rows["two_sessions"] = (1 + rows["move_0"]) * (1 + rows["move_1"]) - 1
    rows["by_volume"] = rows["move_1"].where(rows["volume_1"] > rows["volume_0"], rows["move_0"])
    rows["beat"] = rows["eps_actual"] > rows["eps_estimate"]
    return rows


def test_earnings_season(found, data, now, world, reports) -> None:
    sessions = world.returns.index
    last = len(sessions) - 1
    rows = data.table("earnings")
    rows = rows[rows["ticker"].isin(now) & (rows["date"] >= "2025-09-30") & (rows["date"] < DAY)]  # known the day after
    same(found, "earnings_reported", rows["ticker"].nunique() / len(now))
    season = reports[(reports["known"] > last - 63) & (reports["known"] <= last)]
    judged = season.dropna(subset=["eps_actual", "eps_estimate"])
    same(found, "earnings_beats", judged["beat"].mean())
    for column, name in (("two_sessions", "two_sessions"), ("by_volume", "volume")):
        beats = reports[reports["beat"] & reports[column].notna() & (reports["at"] + 1 <= last)]
        recent = beats[beats["at"] + 1 > last - 63][column].mean()
        same(found, f"beat_reward_{name}", recent)
        same(found, f"beat_reward_past_{name}", recent - beats[column].mean())


# --- capital, consumers, credit -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def monday(data):
    """Statements are read on the first session of the week."""
    return data.as_of("2025-10-27")


def of(view, item: str, basis: str, lag: int = 0) -> pd.Series:
    return pd.Series(view.item(item, basis, lag), index=view.tickers)


def test_hyperscalers(found, monday) -> None:
    """Fiscal 2024 of Amazon, Alphabet and Meta, 2025 of Microsoft and Oracle, as printed in their annual reports."""
    printed = 82_999e6 + 52_535e6 + 37_256e6 + 64_551e6 + 21_215e6
    same(found, "hyperscaler_capex", printed, rel=1e-6)
    capex, before = (of(monday, "capital_expenditure", "year", lag)[HYPERSCALERS] for lag in (0, 1))
    same(found, "hyperscaler_capex_growth", capex.sum() / before.sum() - 1)
    assert found["hyperscaler_capex_calendar"] is None  # cash flows of the sample are annual
    assert found["hyperscaler_capex_calendar_growth"] is None


def debt(view, lag: int) -> pd.Series:
    """Long-term and current debt, a current one that was never told being none."""
    from screens.metrics import derived

    return pd.Series(derived.debt(view, lag), index=view.tickers)


def test_borrowing(found, monday, data, world) -> None:
    change = debt(monday, 0) - debt(monday, 4)
    known = change[HYPERSCALERS].dropna()
    assert list(known.index) == ["AMZN", "GOOGL", "MSFT"]
    # Amazon 56,082 + 173 less 62,683 - 76; Alphabet 12,000 less 13,000; Microsoft 43,151 less 44,937: USD m
    assert known.sum() == pytest.approx((56_255 - 62_759 + 12_000 - 13_000 + 43_151 - 44_937) * 1e6, rel=1e-3)
    same(found, "hyperscaler_debt_change", known.sum())
    same(found, "hyperscalers_with_debt", 3)
    same(found, "hyperscaler_debt_share", known.sum() / of(monday, "capital_expenditure", "year")[known.index].sum())
    rises = change[members(data, monday.session)]
    rises = rises[(rises > 0) & ~world.sector.reindex(rises.index).isin(["Financials", "Real Estate"])]
    tech = world.sector[rises.index].isin(["Information Technology", "Communication Services", "Utilities"])
    same(found, "tech_utilities_borrowing", rises[tech].sum() / rises.sum())


def mean_returns(data, world, among: pd.Series, days: pd.DatetimeIndex) -> pd.Series:
    """The mean return, day by day, of those that were members the close before."""
    out = []
    for day in days:
        before = world.returns.index[world.returns.index.get_loc(day) - 1]
        held = [t for t in members(data, before) if among.get(t, False)]
        out.append(world.returns.loc[day, held].mean())
    return pd.Series(out, index=days)


@pytest.mark.parametrize("cohort", list(COHORTS))
def test_consumers(found, data, now, world, window, monday, cohort: str) -> None:
    inside = world.industry.isin(COHORTS[cohort])
    held = mean_returns(data, world, inside, window.equal.index)
    same(found, f"{cohort}_return", compounded(held) - compounded(window.equal))
    names = [t for t in now if inside[t]]
    average = world.held[names].rolling(50).mean().iloc[-1]
    same(found, f"{cohort}_breadth", (world.carried.loc[DAY, names] > average)[average.notna()].mean())
    week = [t for t in members(data, monday.session) if inside[t]]
    sales, before = of(monday, "revenue", "ttm")[week], of(monday, "revenue", "ttm", 4)[week]
    both = sales.notna() & (before > 0)
    same(found, f"{cohort}_sales_falling", (sales < before)[both].mean())


def test_cyclicals_and_credit(found, data, world, window) -> None:
    cyclical = world.sector.isin(["Consumer Discretionary", "Industrials", "Materials"])
    defensive = world.sector.isin(["Consumer Staples", "Health Care", "Utilities"])
    days = window.equal.index
    legs = [compounded(mean_returns(data, world, among, days)) for among in (cyclical, defensive)]
    same(found, "cyclicals_minus_defensives", legs[0] - legs[1])
    same(found, "credit", compounded(world.returns["HYG"].iloc[-63:]) - compounded(world.returns["SHY"].iloc[-63:]))


# --- the whole ------------------------------------------------------------------------------------------------------


def test_no_signal_of_the_shipped_regime_is_left_unchecked() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    labels = {use.label for use in load(FRAGILITY, RegimeSpec).signals}
    cohorts = {f"{cohort}_{what}" for cohort in COHORTS for what in ("return", "breadth", "sales_falling")}
    rewards = {f"beat_reward_{kind}{name}" for kind in ("", "past_") for name in ("two_sessions", "volume")}
    assert cohorts | rewards <= labels
    assert [label for label in sorted(labels - cohorts - rewards) if f'"{label}"' not in text] == []


def test_percentile_and_score_are_those_of_the_past_alone(data) -> None:
    spec = load(FRAGILITY, RegimeSpec)
    history = screens.regime.history(spec, data)
    reading = screens.regime.evaluate(spec, data, DAY)
    total = weight = 0.0
    for use in spec.signals:
        past = history["value", use.label].loc[:DAY].dropna()
        told = reading["signals"][use.label]["percentile"]
        if past.empty or len(past) < spec.min_history_sessions:
            assert told is None
            continue
        share = (past.rank().iloc[-1] - 0.5) / len(past)
        if reading["signals"][use.label]["value"] is not None:
            assert told == pytest.approx(share)
            side = reading["signals"][use.label]["fragile"]
            if use.weight and side != "neither":
                total += use.weight * (share if side == "high" else 1 - share)
                weight += use.weight
    assert reading["score"] == pytest.approx(total / weight)
