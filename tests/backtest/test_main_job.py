"""The main job on the shipped sample, and three of its numbers worked out again from the shipped tables alone.

Nothing of the engine is used for the second opinion: tables are read with pandas, and the sums are written out.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import market
from backtest.pipeline import run
from backtest.result import Result
from backtest.spec import Bootstrap, Placebos, RunSpec
from screens.loading import load

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "market" / "sample"
FLAGSHIP = ROOT / "configs" / "runs" / "low_quality_vs_mega_cap.yaml"


@pytest.fixture(scope="module")
def result() -> Result:
    spec = load(FLAGSHIP, RunSpec)
    fewer = {"placebos": Placebos(random_draws=5, seed=spec.placebos.seed), "bootstrap": Bootstrap(draws=200)}
    return run(spec.model_copy(update=fewer), market.open("sample"))


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    frame = pd.read_parquet(SAMPLE / "prices.parquet", columns=["date", "ticker", "close", "dividend", "split"])
    frame["date"] = pd.to_datetime(frame["date"])
    frame = frame[frame["close"].notna()]
    return frame.assign(**{name: frame[name].astype(float) for name in ("close", "dividend", "split")})


def by_hand(prices: pd.DataFrame, weights: pd.DataFrame, end: pd.Timestamp) -> pd.Series:
    """Total returns of an index bought at each row of `weights`: shares, split and paid, one session after another."""
    names = list(weights.columns[(weights != 0).any()])
    part = prices[prices["ticker"].isin(names)]
    close, dividend, split = (
        part.pivot(index="date", columns="ticker", values=column).reindex(columns=names)
        for column in ("close", "dividend", "split")
    )
    close, dividend, split = close.ffill(), dividend.fillna(0.0), split.fillna(1.0)
    returns: dict[pd.Timestamp, float] = {}
    shares = pd.Series(0.0, index=names)
    worth = 0.0
    for session in close.index[(close.index >= weights.index[0]) & (close.index <= end)]:
        if worth:
            shares = shares * split.loc[session]
            now = float((shares * close.loc[session].fillna(0.0)).sum())
            paid = float((shares * dividend.loc[session]).sum())
            returns[session] = (now + paid) / worth - 1.0
            worth = now
        if session in weights.index:
            shares = (weights.loc[session, names] / close.loc[session]).fillna(0.0)
            worth = float((shares * close.loc[session].fillna(0.0)).sum())
    return pd.Series(returns)


def test_return_of_the_basket_by_hand(result: Result, prices: pd.DataFrame) -> None:
    """A quarter and a bit of the basket: from the weights as bought and the shipped closes, dividends and splits."""
    bought = result.weights[result.weights["sleeve"] == "basket"].pivot(index="date", columns="ticker", values="weight")
    bought = bought.fillna(0.0).loc["2024-01-01":"2024-10-31"]
    assert len(bought) == 4
    mine = by_hand(prices, bought, pd.Timestamp("2024-12-31"))
    told = result.nav["basket"].pct_change().loc[mine.index]
    assert np.abs(mine - told).max() < 1e-12
    assert result.nav["basket"].loc["2024-12-31"] / result.nav["basket"].loc[bought.index[0]] == pytest.approx(
        float((1 + mine).prod()), rel=1e-12
    )


def test_borrow_fee_by_hand(result: Result) -> None:
    """Friday's short positions, at 30 bp general collateral, over the three nights to Monday, actual/360."""
    first = result.orders["date"].min()
    assert first.day_name() == "Friday"
    short = result.orders[(result.orders["date"] == first) & (result.orders["sleeve"] == "basket")]
    caps = pd.read_parquet(SAMPLE / "market_cap.parquet")
    caps["date"] = pd.to_datetime(caps["date"])
    caps = caps[(caps["date"] <= first) & caps["ticker"].isin(short["ticker"])].groupby("ticker")["value"].last()
    assert (caps > 2e9).all()  # so that every name is general collateral: no dated fee is near 2019
    assert result.nav.index[1] - first == pd.Timedelta(days=3)
    owed = float(short["notional"].sum()) * 0.0030 * 3 / 360
    assert result.carry["borrow"].iloc[1] == pytest.approx(owed, rel=1e-12)
    total = float(result.carry["borrow"].sum())
    years = (result.nav.index[-1] - result.nav.index[0]).days / 365.25
    a_year = -1e4 * total / float(result.nav["hedged"].mean()) / years
    assert result.summary["costs_bps_per_year"]["borrow"] == pytest.approx(a_year, rel=1e-12)


def test_hedge_ratio_by_hand(result: Result, prices: pd.DataFrame) -> None:
    """The ratio decided on a rebalance: least squares of book on basket over the 252 sessions before it, no more."""
    decided = pd.Timestamp("2022-04-14")  # Good Friday: the third Friday moved to Thursday
    returns = {}
    for sleeve in ("book", "basket"):
        bought = result.weights[result.weights["sleeve"] == sleeve].pivot(
            index="date", columns="ticker", values="weight"
        )
        returns[sleeve] = by_hand(prices, bought.fillna(0.0), decided)
    past = pd.DataFrame(returns).dropna().loc[: decided - pd.Timedelta(days=1)].tail(252)
    slope = np.linalg.lstsq(np.column_stack([past["basket"], np.ones(252)]), past["book"], rcond=None)[0][0]
    before = result.hedge_ratio["target"].loc[:decided].iloc[-2]
    wanted = slope if abs(slope - before) >= 0.05 else before
    assert result.hedge_ratio["target"].loc[decided] == pytest.approx(wanted, rel=1e-9)


def test_every_cent_is_attributed(result: Result) -> None:
    nav = result.nav
    assert result.attribution.loc["total", "usd"] == pytest.approx(
        nav["hedged"].iloc[-1] - nav["book"].iloc[-1], rel=1e-12
    )
    assert result.attribution["usd"].drop("total").sum() == pytest.approx(result.attribution.loc["total", "usd"])
    errors = result.summary["ledger"]
    assert all(error < 1e-9 for error in errors.values()), errors


def test_members_of_the_date_against_members_of_today(result: Result) -> None:
    """Hindsight is worth several points a year on this data, and the run says so."""
    told = result.summary["hindsight"]
    assert told["members_of_today"] - told["members_of_the_date"] == pytest.approx(told["difference"])
    assert told["difference"] > 0.03
    assert any(warning.startswith("hindsight") for warning in result.warnings)


def test_a_name_is_held_only_as_a_member(result: Result) -> None:
    members = pd.read_parquet(SAMPLE / "members.parquet")
    members = members[members["index"] == "sp500"].assign(
        start=pd.to_datetime(members["start"]), end=pd.to_datetime(members["end"])
    )
    held = result.weights[result.weights["sleeve"] == "basket"]
    for session, names in held.groupby("date")["ticker"]:
        signal = result.nav.index[max(result.nav.index.get_loc(session) - 1, 0)]
        now = members[(members["start"] <= signal) & (members["end"].isna() | (members["end"] >= signal))]
        strangers = set(names) - set(now["ticker"])
        assert not strangers, (session, strangers)


def test_book_and_basket_share_no_company(result: Result) -> None:
    issuer = result.market.securities["issuer"]
    for _, rows in result.weights.groupby("date"):
        sides = [set(issuer.loc[rows.loc[rows["sleeve"] == s, "ticker"]]) for s in ("book", "basket")]
        if all(sides):
            assert not sides[0] & sides[1]


def test_a_failed_hedge_looks_failed(result: Result) -> None:
    """Where owning less kept more and fell less, the answer begins with it."""
    summary = result.summary
    less, hedged = summary["benchmarks"]["hold less"], summary["sleeves"]["hedged"]
    assert less["volatility"] == pytest.approx(hedged["volatility"], rel=1e-3)
    if less["cagr"] > hedged["cagr"] and less["max_drawdown"] > hedged["max_drawdown"]:
        assert "did better" in summary["answer"].partition(".")[0]


def test_worst_squeeze_by_hand(result: Result) -> None:
    """The steepest 21 sessions of the basket, and what the short held at each close lost on the next, but for costs."""
    told = result.summary["squeeze"]["sessions_21"]
    level = result.nav["basket"]
    rises = {level.index[i + 21]: level.iloc[i + 21] / level.iloc[i] - 1.0 for i in range(len(level) - 21)}
    end = max(rises, key=rises.get)
    assert (told["end"], told["basket"]) == (str(end.date()), pytest.approx(rises[end], rel=1e-12))
    held = (result.exposures["short"] * result.nav["hedged"]).shift(1)
    lost = (held * level.pct_change()).loc[told["start"] : told["end"]].iloc[1:].sum()
    assert told["hedge"] == pytest.approx(lost / result.nav["hedged"].loc[told["start"]], abs=1e-3)
    assert told["worst_hedge"] <= told["hedge"] < 0 < told["margin_used"] < 1


def test_worst_gap_by_hand(result: Result, prices: pd.DataFrame) -> None:
    told = result.summary["gap"]
    mine = prices[prices["ticker"] == told["ticker"]].set_index("date").fillna({"split": 1.0})
    t = mine.index.get_loc(told["session"])
    rise = mine["close"].iloc[t] * mine["split"].iloc[t] / mine["close"].iloc[t - 1] - 1.0
    assert told["rise"] == pytest.approx(rise, rel=1e-9)
    orders = result.orders[(result.orders["sleeve"] == "basket") & (result.orders["ticker"] == told["ticker"])]
    since = orders[orders["date"] < told["session"]]
    held = sum(
        row.shares * float(mine["split"].loc[row.date : mine.index[t - 1]].iloc[1:].prod())
        for row in since.itertuples()
    )
    before = result.nav["hedged"].loc[mine.index[t - 1]]
    assert told["weight"] == pytest.approx(held * mine["close"].iloc[t - 1] / before, rel=1e-9)
    assert told["loss_bps"] == pytest.approx(-1e4 * told["weight"] * rise, rel=1e-9)


def test_parts_of_the_hedge_add_up(result: Result) -> None:
    """Factors to the mean of hedged less book; sector tilt to zero; the price of protection to its parts."""
    daily = result.nav[["book", "hedged"]].pct_change().iloc[1:]
    hedge = daily["hedged"] - daily["book"]
    told = result.summary["factor_attribution"]
    annual = {name: line["annual"] for name, line in told["factors"].items()}
    assert annual["total"] == pytest.approx(252 * hedge.loc[told["start"] : told["end"]].mean(), rel=1e-9)
    assert sum(annual.values()) == pytest.approx(2 * annual["total"], rel=1e-9)
    assert told["end"] == "2026-01-30"
    tilt = result.summary["sector_tilt"]["sectors"]
    assert sum(line["difference"] for line in tilt.values()) == pytest.approx(0.0, abs=1e-12)
    worth = result.summary["worth"]
    assert worth["cost_annual"] == pytest.approx(-252 * hedge.mean(), rel=1e-9)
    assert worth["stress"] + worth["calm"] == pytest.approx(hedge.sum(), rel=1e-9)


def test_summary_keeps_its_promise(result: Result) -> None:
    promised = (
        "span rebalances sleeves hedge_effectiveness costs_bps_per_year attribution ledger benchmarks placebos "
        "spread_over_index coverage hindsight turnover names warnings marginal worst_ai_days best_ai_days worth "
        "capture squeeze gap sector_tilt missing_debt variants_tried factor_attribution"
    )
    assert set(promised.split()) <= set(result.summary)
    for sleeve in ("book", "basket", "hedged"):
        line = result.summary["sleeves"][sleeve]
        assert {"cagr", "volatility", "sharpe", "max_drawdown", "cvar_95", "beta_to_market"} <= set(line)
    for measure in ("variance", "semivariance", "cvar_95", "max_drawdown"):
        assert {"in_sample", "out_of_sample", "low", "high"} <= set(result.summary["hedge_effectiveness"][measure])
    json.dumps(result.summary)


def test_portfolio_is_vectorbts_and_agrees(result: Result) -> None:
    value = result.portfolio.value()
    assert np.abs(value.to_numpy() / result.nav["hedged"].to_numpy() - 1.0).max() < 1e-9
