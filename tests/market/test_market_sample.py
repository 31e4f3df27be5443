"""The shipped sample against the outside world: returns, sizes and filings that anybody can look up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import market
from market.market import SAMPLE
from market.store import Store

MEGABYTE = 1_000_000
SOURCE = Path(__file__).parents[3] / "shared" / "data" / "sp500"


@pytest.fixture(scope="module")
def data() -> market.Market:
    return market.open("sample")


def _returns(data: market.Market, ticker: str, start: str, end: str) -> np.ndarray:
    """Total returns of sessions after `start` up to `end`."""
    panel = data.panel([ticker])
    days = (panel.sessions > pd.Timestamp(start)) & (panel.sessions <= pd.Timestamp(end))
    return panel.total_returns()[days, 0]


def test_it_is_small_and_says_where_it_comes_from() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 11.5 * MEGABYTE
    text = (SAMPLE / "PROVENANCE.md").read_text(encoding="utf-8")
    for words in (
        "as last filed",
        "Survivorship",
        "Quarantine",
        "Gardner Denver's history",
        "New York Fed",
        "Kenneth French",
    ):
        assert words in text
    store = Store(SAMPLE)
    assert {path.name for path in SAMPLE.glob("*.parquet")} == {entry.file for entry in store.manifest.tables.values()}
    assert store.entry("prices").start == "2018-01-02"
    assert store.entry("prices").end == "2026-05-29"


def test_the_manifest_tells_the_truth() -> None:
    from market.fingerprint import Fingerprint
    from market.writer import describe

    store = Store(SAMPLE)
    for name, entry in store.manifest.tables.items():
        rows = store.frame(name)
        assert describe(rows, name, entry.file, str(Fingerprint.of(rows)), entry.source) == entry


def test_returns_anybody_can_look_up(data: market.Market) -> None:
    assert _returns(data, "NVDA", "2025-01-24", "2025-01-27")[0] == pytest.approx(-0.1697, abs=5e-5)
    for ticker, year in {"SPY": 0.262, "QQQ": 0.549}.items():
        assert np.prod(1 + _returns(data, ticker, "2022-12-30", "2023-12-29")) - 1 == pytest.approx(year, abs=1e-3)
    index = data.panel(["^GSPC"], "2020-02-19", "2020-03-23").close[:, 0]
    assert index[[0, -1]] == pytest.approx([3386.15, 2237.40])
    market_return = data.as_of("2020-03-12").factor("Mkt-RF", 1)[0]
    assert market_return == pytest.approx(-0.0963, abs=1e-4)


def test_splits_are_splits(data: market.Market) -> None:
    panel = data.panel(["NVDA", "AAPL", "TSLA", "GE"], "2020-01-02", "2025-12-31")
    days = {
        "NVDA": ("2024-06-10", 10),
        "AAPL": ("2020-08-31", 4),
        "TSLA": ("2022-08-25", 3),
        "GE": ("2021-08-02", 0.125),
    }
    for ticker, (day, ratio) in days.items():
        t, i = panel.row(pd.Timestamp(day)), panel.column(ticker)
        assert panel.split[t, i] == ratio
        assert abs(panel.total_returns()[t, i]) < 0.13
        assert panel.close[t, i] / panel.close[t - 1, i] == pytest.approx(1 / ratio, rel=0.13)
    nvda = panel.close[:, 0]
    assert nvda[panel.row(pd.Timestamp("2024-06-07"))] == pytest.approx(1208.88)  # as it was traded
    assert nvda[panel.row(pd.Timestamp("2024-06-10"))] == pytest.approx(121.79)


def test_members_of_each_date(data: market.Market) -> None:
    assert data.coverage("sp500", "2018-01-02") == (379, 505)
    assert data.coverage("sp500", "2022-01-03") == (431, 505)
    assert data.coverage("sp500", "2026-01-02") == (494, 503)
    day = data.as_of("2019-07-19")
    member = dict(zip(data.tickers, day.is_member("sp500"), strict=True))
    assert member["META"]
    assert not member["TSLA"]  # joined on 2020-12-21
    assert not member["SPY"]
    assert not member["IR"]  # Gardner Denver, a member of that name from 2020-03-02
    assert data.resolve("FB", "2021-01-04") == "META"
    assert data.resolve("IR", "2019-01-02") == "TT"


def test_the_largest_companies_as_known(data: market.Market) -> None:
    def largest(day: str, n: int) -> list[str]:
        view = data.as_of(day)
        order = np.argsort(-np.nan_to_num(view.market_cap()), kind="stable")
        seen = dict.fromkeys(view.issuer()[order])
        return [str(data.securities.loc[data.securities["issuer"] == key].index[0]) for key in list(seen)[:n]]

    assert largest("2021-12-31", 5) == ["AAPL", "MSFT", "GOOG", "AMZN", "TSLA"]
    assert largest("2024-12-31", 3) == ["AAPL", "NVDA", "MSFT"]
    view = data.as_of("2024-12-31")
    apple = view.market_cap()[data.tickers.get_loc("AAPL")]
    assert apple == pytest.approx(3.785e12, rel=0.02)  # 15.1 bn shares at 250.42


def test_filings_as_known(data: market.Market) -> None:
    apple = data.tickers.get_loc("AAPL")
    view = data.as_of("2023-11-06")  # the annual report was filed on 2023-11-03
    assert view.item("revenue", "year")[apple] == 383_285e6
    assert view.item("operating_income", "year")[apple] == 114_301e6
    assert view.item("assets", "latest")[apple] == 352_583e6
    assert data.as_of("2023-11-02").item("revenue", "year")[apple] == 394_328e6  # still the year before
    boeing = data.tickers.get_loc("BA")
    assert data.as_of("2024-03-01").item("equity", "latest")[boeing] == -17_233e6


def test_quarantined_rows_are_gone(data: market.Market) -> None:
    first = {"IR": "2020-03-02", "DD": "2019-06-04", "SW": "2024-07-08", "FER": "2024-05-09", "AMCR": "2019-06-11"}
    panel = data.panel(list(first))
    for ticker, day in first.items():
        traded = ~np.isnan(panel.close[:, panel.column(ticker)])
        assert panel.sessions[traded.argmax()] >= pd.Timestamp(day)
    assert "DOC" not in set(data.table("market_cap")["ticker"])
    assert "ASML" not in set(data.table("facts")["ticker"])
    volume = data.panel(["GOOG"], "2024-03-11").volume
    assert np.isnan(volume).all()


def test_no_price_moves_without_a_reason(data: market.Market) -> None:
    from market.check import check

    found = check(data)
    assert not [f for f in found if f.severity == "error"]
    jumps = {(f.ticker, f.date) for f in found if f.kind == "jump"}
    assert ("PCG", "2019-01-14") in jumps  # filed for bankruptcy
    assert len(jumps) < 40


def test_warnings_name_what_is_wrong(data: market.Market) -> None:
    text = "\n".join(data.notes())
    for words in ("survivorship", "379 of 505", "as last filed", "assumed lag", "total return only", "dated snapshots"):
        assert words in text


def test_two_answers_are_one(data: market.Market) -> None:
    """Vectors of a view align with the tickers, whatever was asked before."""
    view, again = data.as_of("2024-01-02"), market.open("sample").as_of("2024-01-02")
    np.testing.assert_array_equal(view.market_cap(), again.market_cap())
    np.testing.assert_array_equal(view.returns(10), again.returns(10))
    assert len(view.close()) == len(data.tickers) == 541
    assert view.series("SPY", 3).tolist() == view.returns(3)[:, data.tickers.get_loc("SPY")].tolist()


@pytest.mark.skipif(not SOURCE.is_dir(), reason="the source directory of the sample is not on this machine")
def test_derived_returns_agree_with_the_source(data: market.Market) -> None:
    from market.reading import read_rows
    from market.sources import sample

    quarantine = read_rows(SOURCE / "quarantine.csv")[0]
    stocks = sample._stock_prices(SOURCE, quarantine)
    errors = sample.total_return_differences(stocks, quarantine)
    assert errors["difference"].abs().quantile(0.999) < 3e-4
    assert errors["convention"].abs().max() < 2e-5  # by the convention of adjusted closes there is no difference
    close = data.panel(["AAPL"]).close[:, 0]
    np.testing.assert_allclose(close, stocks.loc[stocks["ticker"] == "AAPL", "source_close"], rtol=2e-7)


def test_the_build_on_a_small_source(tmp_path: Path) -> None:
    """A source directory written here: quarantine, cents, another company's history; a second build is the same."""
    from market.calendar import sessions_between
    from market.sources.sample import build

    source = tmp_path / "source"
    source.mkdir()
    days = sessions_between("2017-12-27", "2018-02-28")
    one = pd.DataFrame({"date": days, "ticker": "IR", "close": np.float32(20.13), "dividend": 0.0, "split": 1.0,
                        "volume": 1e6, "adj_close": np.float32(20.13)})  # fmt: skip
    two = one.assign(ticker="TT", close=np.float32(33.33333), adj_close=np.float32(33.33333))
    pd.concat([one, two]).to_parquet(source / "prices.parquet")
    pd.DataFrame({"date": days, "ticker": "SPY", "adj_close": 250.1234567}).to_parquet(
        source / "reference_prices.parquet"
    )
    fact = {"ticker": "TT", "item": "assets", "period_start": pd.NaT, "form": "10-K", "filed": pd.NaT, "value": 1.0}
    ends = pd.to_datetime(["2012-12-31", "2016-12-31", "2017-12-31"])
    pd.DataFrame({**fact, "period_end": ends}).to_parquet(source / "facts.parquet")
    caps = {"date": pd.to_datetime(["2017-11-30", "2018-01-31"]), "ticker": "TT", "value": 5.0, "source": "x"}
    pd.DataFrame(caps).to_parquet(source / "market_cap.parquet")
    texts = {
        "quarantine": [
            "table,ticker,start,end,reason",
            "prices,IR,,2018-01-31,another company",
            "volume,TT,2018-02-28,,missing",
            "facts,TT,2017-12-31,2017-12-31,shell",
        ],
        "securities": [
            "ticker,name,yahoo_sector,yahoo_industry,cik,sic_description,exchange,sector,industry,first_date,last_date",
            "IR,Ingersoll,Industrials,Tools,1,Pumps,NYSE,,,2017-12-27,2018-02-28",
            "TT,Trane,Industrials,Tools,2,Pumps,NYSE,Industrials,Machinery,2017-12-27,2018-02-28",
        ],
        "members": [
            "index,ticker,start,end",
            "sp500,TT,2013-12-31,",
            "sp500,IR,2018-02-01,",
            "sp500,OLD,2013-12-31,2015-01-01",
        ],
        "earnings": ["ticker,date,eps_actual,eps_estimate", "TT,2018-02-01,1,1", "TT,2018-02-01,2,2"],
        "borrow": ["date,ticker,fee_annual,rebate_annual,available_shares", "2018-02-03,TT,0.01,0,5"],
        "short_interest": ["ticker,settlement_date,short_percent_of_float", "TT,2018-01-12,2.5"],
        "rates": ["date,name,value", "2018-01-02,fed_funds,0.01"],
        "factors": ["date,name,value", "2018-01-02,RF,0.0001"],
    }
    for name, text in texts.items():
        (source / f"{name}.csv").write_text("\n".join(text) + "\n")
    with_coverage = build(source, tmp_path / "one")
    build(source, tmp_path / "two")
    for first, second in zip(sorted((tmp_path / "one").iterdir()), sorted((tmp_path / "two").iterdir()), strict=True):
        assert first.read_bytes() == second.read_bytes()
    data = market.open(tmp_path / "one")
    assert with_coverage.tables["facts"].rows == 1  # one before 2013, one in quarantine
    assert data.start == pd.Timestamp("2018-01-02")
    panel = data.panel()
    assert panel.close[-1].tolist() == [20.13, 250.123457, 33.3333]  # cents; six places of a fund; no cents
    assert np.isnan(panel.close[:, 0]).sum() == (panel.sessions <= pd.Timestamp("2018-01-31")).sum()
    assert np.isnan(panel.volume[-1, 2])
    assert data.securities.loc["IR", ["sector", "first_date"]].tolist() == ["Industrials", pd.Timestamp("2018-02-01")]
    assert data.securities["type"].tolist() == ["stock", "fund", "stock"]
    assert data.table("earnings")["eps_actual"].tolist() == [1.0]
    assert data.table("short_interest")["published_date"].iloc[0] == pd.Timestamp("2018-01-25")
    assert data.members_on("sp500", "2018-02-01") == ["TT"]  # what traded as IR that day was the company now called TT
    assert "another company" in (tmp_path / "one" / "PROVENANCE.md").read_text()
