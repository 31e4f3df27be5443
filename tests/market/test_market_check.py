"""The audit finds what was planted, and nothing where nothing is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from market.calendar import sessions_between
from market.check import check, coverage

SESSIONS = sessions_between("2023-01-03", "2024-06-28")
N = len(SESSIONS)


def _walk(ticker: str, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 50 * np.cumprod(1 + rng.normal(0, 0.01, N))
    return pd.DataFrame({"date": SESSIONS, "ticker": ticker, "close": close, "volume": 1e5, "split": 1.0})


def _found(**tables: pd.DataFrame) -> set[tuple[str, str, str, str]]:
    securities = pd.DataFrame({"ticker": sorted(set(tables["prices"]["ticker"])), "sector": "Energy"})
    data = market.planted("test", **{"securities": securities, **tables})
    return {(f.kind, f.ticker, f.date, f.severity) for f in check(data)}


def test_clean_prices_have_no_findings() -> None:
    split = _walk("A", 1)
    split.loc[100:, "close"] /= 2
    split.loc[100, "split"] = 2.0
    assert _found(prices=split) == set()


@pytest.mark.parametrize("factor", [0.5, 0.1, 20.0])
def test_a_split_that_nobody_recorded(factor: float) -> None:
    rows = _walk("A", 1)
    rows.loc[100:, "close"] *= factor * (rows["close"][99] / rows["close"][100])
    assert _found(prices=rows) == {("missing_split", "A", str(SESSIONS[100])[:10], "error")}


def test_faults_of_prices() -> None:
    day = lambda t: str(SESSIONS[t])[:10]  # noqa: E731
    split = _walk("A", 1)
    split.loc[100, "split"] = 3.0
    jump = _walk("B", 2)
    jump.loc[50:, "close"] *= 1.57
    stale = _walk("C", 3)
    stale.loc[200:212, "close"] = stale["close"][199]
    hole = _walk("D", 4).drop(index=range(60, 70))
    weekend = _walk("E", 5)
    weekend = pd.concat(
        [weekend, pd.DataFrame({"date": [pd.Timestamp("2024-01-06")], "ticker": ["E"], "close": [50.0]})]
    )
    twofold = _walk("F", 6)
    twofold["adj_close"] = twofold["close"] * np.where(np.arange(N) < 80, 0.9, 1.0)
    found = _found(prices=pd.concat([split, jump, stale, hole, weekend, twofold]))
    assert found == {
        ("split_not_followed", "A", day(100), "error"),
        ("jump", "B", day(50), "warning"),
        ("stale", "C", day(199), "warning"),
        ("hole", "D", day(60), "warning"),
        ("off_calendar", "", "2024-01-06", "warning"),
        ("sources_disagree", "F", day(80), "warning"),
    }
    gap = pd.concat([_walk("A", 1), _walk("B", 2)])
    assert _found(prices=gap[gap["date"] != SESSIONS[30]]) == {("no_prices", "", day(30), "error")}


def test_prices_of_another_company() -> None:
    securities = pd.DataFrame({"ticker": ["A"], "sector": ["Energy"], "first_date": [SESSIONS[10]]})
    securities = pd.concat([securities, pd.DataFrame({"ticker": ["B"], "sector": ["Energy"]})])
    prices = pd.concat([_walk("A", 1), _walk("B", 2)])
    assert _found(prices=prices, securities=securities) == {("outside_life", "A", "", "info")}


def _facts(**columns: object) -> pd.DataFrame:
    base = {"ticker": "A", "period_end": pd.Timestamp("2023-06-30"), "filed": pd.Timestamp("2023-08-01")}
    return pd.DataFrame({**base, **columns})


def test_faults_of_facts() -> None:
    prices = _walk("A", 1)
    balance = _facts(item=["assets", "liabilities", "equity"], value=[100.0, 60.0, 30.0])
    assert _found(prices=prices, facts=balance) == {("unbalanced", "A", "2023-06-30", "warning")}
    minority = _facts(item=["assets", "liabilities", "equity", "minority_interest"], value=[100.0, 60.0, 30.0, 10.0])
    assert _found(prices=prices, facts=minority) == set()
    cash = _facts(item=["assets", "cash_and_short_term_investments", "long_term_debt"], value=[100.0, 102.0, 300.0])
    assert _found(prices=prices, facts=cash) == {("part_exceeds_whole", "A", "2023-06-30", "warning")}
    debt = _facts(item=["assets", "long_term_debt"], value=[100.0, 501.0])
    assert _found(prices=prices, facts=debt) == {("part_exceeds_whole", "A", "2023-06-30", "warning")}
    assert _found(prices=prices, facts=_facts(item=["long_term_debt"], value=[-5.0])) == {
        ("negative_magnitude", "A", "2023-06-30", "warning")
    }
    ends = pd.to_datetime(["2023-06-30", "2023-03-31"])
    late = _facts(item="assets", value=[5.0, 4.0], period_end=ends, filed=pd.to_datetime(["2025-01-01", "2023-05-01"]))
    assert _found(prices=prices, facts=late) == {("far_filed", "A", "2023-06-30", "warning")}
    first = _facts(item=["assets", "equity"], value=[5.0, 4.0], filed=pd.Timestamp("2025-01-01"))
    assert _found(prices=prices, facts=first) == set()  # a company's first filing tells of the years before it
    ends = pd.to_datetime(["2023-06-30", "2024-03-31"])
    shares = _facts(item="shares_outstanding", period_end=ends, filed=ends, value=[100.0, 200.0])
    assert _found(prices=prices, facts=shares) == {("share_jump", "A", "2024-03-31", "warning")}
    split = prices.assign(split=np.where(pd.Timestamp("2024-01-03") == SESSIONS, 2.0, 1.0))
    split["close"] = prices["close"] / np.cumprod(split["split"])
    assert _found(prices=split, facts=shares) == set()  # the splits explain it
    ciks = _facts(item=["assets", "equity"], value=1.0, cik=[1, 2])
    assert _found(prices=prices, facts=ciks) == {("two_ciks", "A", "", "warning")}
    assert _found(prices=prices, facts=_facts(ticker="Z", item=["assets"], value=1.0)) == {
        ("no_prices", "Z", "", "info")
    }


def test_faults_of_reference_tables() -> None:
    prices = _walk("A", 1)
    members = pd.DataFrame(
        {"index": "x", "ticker": "A", "start": pd.to_datetime(["2020-01-01", "2021-01-01"]),
         "end": pd.to_datetime(["2021-06-30", None])}
    )  # fmt: skip
    assert _found(prices=prices, members=members) == {("overlapping_membership", "A", "2021-01-01", "error")}
    caps = pd.DataFrame({"date": SESSIONS[::20], "ticker": "A", "value": prices["close"].to_numpy()[::20] * 1e6})
    assert _found(prices=prices, market_cap=caps) == set()
    caps.loc[5:, "value"] *= 4
    assert _found(prices=prices, market_cap=caps) == {("size_jump", "A", str(SESSIONS[100])[:10], "warning")}
    assert _found(prices=prices, securities=pd.DataFrame({"ticker": ["A"]})) == {("no_sector", "A", "", "warning")}
    borrow = pd.DataFrame({"date": [SESSIONS[9]], "ticker": ["A"], "fee_annual": [0.01]})
    assert _found(prices=prices, borrow=borrow) == {("sparse", "", str(SESSIONS[9])[:10], "info")}


def test_coverage_by_year_and_sector() -> None:
    facts = _facts(
        item=["assets"], value=[5.0], period_end=pd.Timestamp("2023-11-30"), filed=pd.Timestamp("2023-12-15")
    )
    members = pd.DataFrame({"index": "x", "ticker": ["A", "B", "GONE"], "start": "2020-01-01"})
    securities = pd.DataFrame({"ticker": ["A", "B"], "sector": ["Energy", "Utilities"]})
    data = market.planted(
        "test", prices=pd.concat([_walk("A", 1), _walk("B", 2)]), facts=facts, members=members, securities=securities
    )
    table = coverage(data, "x").set_index(["year", "sector"])
    assert table.loc[(2023, "all")].tolist() == [3.0, pytest.approx(2 / 3), pytest.approx(1 / 3), 0.0]
    assert table.loc[(2023, "Energy"), "facts"] == 1.0
    assert table.loc[(2024, "Energy"), "facts"] == 0.0  # the balance sheet is older than 200 days by then


def test_rows_that_a_directory_of_files_could_not_give(tmp_path) -> None:
    """Negative volume, one day twice, a report before its period ended, and one that cannot be read at all."""
    (tmp_path / "prices.csv").write_text(
        "date,ticker,close,volume\n2024-01-02,A,10,-5\n2024-01-03,A,10,5\n2024-01-03,A,11,5\n2024-01-04,A,x,5\n"
    )
    (tmp_path / "facts.csv").write_text(
        "ticker,item,period_end,value,filed\nA,assets,2023-12-31,1,2023-12-01\nA,assets,2022-12-31,1,2023-03-01\n"
    )
    found = {(f.table, f.kind, f.message) for f in check(market.open(tmp_path)) if f.severity == "error"}
    assert found == {
        ("prices", "negative_volume", "row 2: volume: -5 must be at least 0"),
        ("prices", "duplicate", "row 4: same ticker, date as row 3, other values"),
        ("prices", "refused_row", "row 5: close: 'x' is not a number"),
        ("facts", "filed_early", "row 2: filed lies before period_end"),
    }


def test_rows_that_another_program_wrote_into_a_store(tmp_path) -> None:
    """What an import refuses can still be in a file that did not come through one."""
    prices = _walk("A", 1)
    facts = _facts(item=["assets"], value=[5.0])
    store = market.Store.create(tmp_path)
    with store.writer() as writer:
        writer.replace("prices", prices, "mine")
        writer.replace("facts", facts, "mine")
    prices.loc[7, "volume"] = -1.0
    prices.assign(date=prices["date"].dt.date).to_parquet(tmp_path / store.entry("prices").file)
    facts.assign(filed=pd.Timestamp("2023-06-01")).to_parquet(tmp_path / store.entry("facts").file)
    found = {(f.kind, f.ticker, f.date, f.severity) for f in check(market.open(tmp_path))}
    assert ("negative_volume", "A", str(SESSIONS[7])[:10], "error") in found
    assert ("filed_early", "A", "2023-06-30", "error") in found


def test_a_reused_symbol_is_named() -> None:
    """Two securities of one ticker: the first one's rows go under a name of their own."""
    securities = pd.DataFrame(
        {"ticker": ["A", "A"], "sector": "Energy", "name": ["Old", "New"],
         "first_date": [SESSIONS[0], SESSIONS[200]], "last_date": [SESSIONS[150], pd.NaT]}
    )  # fmt: skip
    prices = _walk("A", 1)
    found = _found(prices=prices, securities=securities)
    assert ("reused_symbol", f"A@{SESSIONS[150].date()}", "", "info") in found


def test_a_store_of_filings_alone_can_be_checked() -> None:
    facts = _facts(item=["assets", "liabilities", "equity"], value=[100.0, 60.0, 30.0])
    data = market.planted("test", facts=facts, securities=pd.DataFrame({"ticker": ["A"]}))
    assert [f.kind for f in check(data)] == ["unbalanced"]
