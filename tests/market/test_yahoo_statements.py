"""Yahoo's statements where the SEC has no facts: through yfinance itself, into a store, marked for what they are."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import market
from market.errors import DataError
from market.sources.pacing import Patience
from market.sources.sec.client import Endpoints
from market.sources.sync import Servers, sync
from market.sources.yahoo import OtherCurrency, Yahoo
from market.sources.yahoo_statements import statement_rows
from market.store import Store, schema_of
from market.validation import canonical

_spec = importlib.util.spec_from_file_location("replay_server", Path(__file__).with_name("replay_server.py"))
replay_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay_server)
Answer, Replay = replay_server.Answer, replay_server.Replay

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:yfinance")
QUICK = Patience(requests_per_second=1000, attempts=3, first_wait=0.01, longest_wait=0.02, read_timeout=2.0)
NOW = pd.Timestamp("2022-06-01 12:00")
SERIES = "/ws/fundamentals-timeseries/v1/finance/timeseries/"
ANNUAL = {
    "annualTotalRevenue": {"2020-12-31": 400e6, "2021-12-31": 440e6},
    "annualInterestExpense": {"2021-12-31": -7e6},
    "annualCapitalExpenditure": {"2021-12-31": -30e6},
    "annualTotalAssets": {"2021-12-31": 900e6},
    "quarterlyTotalRevenue": {"2021-12-31": 120e6},
    "quarterlyTotalAssets": {"2021-09-30": 880e6, "2021-12-31": 900e6},
}


def at_yahoo(symbol, currency, series=ANNUAL):
    """Yahoo's answers about the statements of one company, and the currency it reports in."""
    found = [
        {
            "meta": {"symbol": [symbol], "type": [name]},
            "timestamp": [int(pd.Timestamp(end).timestamp()) for end in values],
            name: [{"asOfDate": end, "reportedValue": {"raw": value}} for end, value in values.items()],
        }
        for name, values in series.items()
    ]
    said = {"symbol": symbol} | ({"financialCurrency": currency} if currency else {})
    summary = {"quoteSummary": {"result": [{"financialData": said}], "error": None}}
    return {
        SERIES + symbol: Answer(json.dumps({"timeseries": {"result": found, "error": None}}).encode()),
        f"/v10/finance/quoteSummary/{symbol}": Answer(json.dumps(summary).encode()),
        "/v7/finance/quote": Answer(b'{"quoteResponse": {"result": [], "error": null}}'),
    }


def answers(listed=("AAPL",), **currencies):
    """The small market, in which the SEC lists only some of its companies; currencies of the others' statements."""
    found = replay_server.small_answers()
    page = "/files/company_tickers_exchange.json"
    companies = json.loads(found[page].content)
    companies["data"] = [row for row in companies["data"] if row[2] in listed]
    found[page] = Answer(json.dumps(companies).encode())
    for symbol, currency in currencies.items():
        found |= at_yahoo(symbol, currency)
    return found


def run(directory, server, statements=True, **options):
    servers = Servers(Endpoints(server.url, server.url), server.url, server.url)
    options = {"tickers": ("AAPL", "NVDA", "KO"), "references": ["SPY"], "now": NOW} | options
    return sync(directory, "sp500", "2021-01-01", contact="desk@example.com", servers=servers, patience=QUICK,
                statements=statements, max_age_hours=0.0, **options)  # fmt: skip


def of(facts: pd.DataFrame, item: str, end: str) -> Iterable[float]:
    return facts.loc[(facts["item"] == item) & (facts["period_end"] == end), "value"].tolist()


def test_the_last_resort_serves_names_that_the_sec_has_no_facts_of(tmp_path):
    """KO reports in dollars; NVDA (let us say) in euros: refused, named, and counted without facts."""
    directory = tmp_path / "store"
    with Replay(answers(KO="USD", NVDA="EUR")) as server:
        report = run(directory, server)
        assert server.counts[SERIES + "AAPL"] == server.counts["/v10/finance/quoteSummary/AAPL"] == 0  # not needed
        assert server.counts[SERIES + "NVDA"] == 1  # the library's own question beside the currency, no statement
    assert report["excluded"] == [{"what": "NVDA", "reason": "Yahoo's statements are in EUR, not USD"}]
    assert [one["what"] for one in report["failed"]] == ["NVDA"]  # still not on the SEC's list
    assert report["coverage"][0] == {
        "year": 2021, "members": 3, "with_prices": 3, "with_facts": 2, "facts_from_yahoo": 1,
    }  # fmt: skip
    store = Store(directory)
    facts = store.frame("facts")
    mine = facts[facts["ticker"] == "KO"]
    assert set(mine["form"]) == {"10-K (Yahoo)", "10-Q (Yahoo)"}
    assert mine["flags"].str.contains("not_point_in_time").all()
    assert mine["filed"].isna().all()
    assert of(mine, "capital_expenditure", "2021-12-31") == [30e6]
    assert of(mine, "interest_expense", "2021-12-31") == [7e6]
    assert sorted(of(mine, "revenue", "2021-12-31")) == [120e6, 440e6]  # the quarter and the year
    assert of(mine, "assets", "2021-12-31") == [900e6]  # the year's, which counts from the longer lag
    assert "not_point_in_time" not in set(facts.loc[facts["ticker"] == "AAPL", "flags"].dropna())
    assert store.entry("facts").source.endswith("Yahoo statements (not point in time)")
    (note,) = [one for one in market.open(directory).notes() if "Yahoo statements" in one]
    assert "those of 1 name, as restated" in note
    assert "not point in time" in note


def test_a_second_sync_asks_nothing_and_changes_nothing(tmp_path):
    directory = tmp_path / "store"
    with Replay(answers(KO="USD", NVDA="EUR")) as server:
        first = run(directory, server)
        generation, asked = Store(directory).manifest.generation, server.counts[SERIES + "KO"]
        second = run(directory, server)
        third = run(directory, server, statements=False)  # the facts stay, whether asked for again or not
        assert server.counts[SERIES + "KO"] == asked
        assert server.counts["/v10/finance/quoteSummary/NVDA"] == 1
    assert second == first
    assert third["fingerprint"] == first["fingerprint"]
    assert Store(directory).manifest.generation == generation


def test_after_a_month_they_are_asked_for_again_and_old_periods_stay(tmp_path):
    directory = tmp_path / "store"
    with Replay(answers(KO="USD")) as server:
        run(directory, server, tickers=("AAPL", "KO"))
    later = answers(KO="USD") | at_yahoo("KO", "USD", {"annualTotalRevenue": {"2021-12-31": 441e6, "2022-12-31": 5e8}})
    with Replay(later) as server:
        run(directory, server, tickers=("AAPL", "KO"), now=NOW + pd.Timedelta(days=40))
    facts = Store(directory).frame("facts").query("ticker == 'KO' and item == 'revenue'")
    assert facts.groupby("period_end")["value"].max().tolist() == [400e6, 441e6, 500e6]
    assert of(facts, "revenue", "2020-12-31") == [400e6]


def test_what_the_sec_files_later_takes_their_place(tmp_path):
    directory = tmp_path / "store"
    with Replay(answers(KO="USD")) as server:
        run(directory, server, tickers=("AAPL", "KO"))
    with Replay(answers(listed=("AAPL", "KO"), KO="USD")) as server:
        report = run(directory, server, tickers=("AAPL", "KO"))
        assert server.counts[SERIES + "KO"] == 0
    facts = Store(directory).frame("facts")
    assert facts["accession"].notna().all()
    assert report["coverage"][0]["facts_from_yahoo"] == 0
    assert not [note for note in Store(directory).manifest.notes if "Yahoo statements" in note]
    with Replay(answers(listed=("AAPL", "KO"))) as server:
        assert run(tmp_path / "clean", server, tickers=("AAPL", "KO"))["fingerprint"] == report["fingerprint"]


def test_facts_of_ones_own_and_filings_that_only_failed_are_not_displaced(tmp_path):
    """KO's facts were imported, NVDA's could not be read today: Yahoo is asked for neither."""
    directory = tmp_path / "store"
    own = pd.DataFrame(
        {"ticker": ["KO"], "item": ["assets"], "period_end": [pd.Timestamp("2021-03-31")], "value": [7.0]}
    )
    with Store.create(directory).writer() as writer:
        writer.replace("facts", own, "mine")
    drifted = "/api/xbrl/companyfacts/CIK0001045810.json"
    served = answers(listed=("AAPL", "NVDA"), KO="USD", NVDA="USD")
    with Replay(served, lambda path, *_: "drift" if path == drifted else None) as server:
        report = run(directory, server)
        assert server.counts["/v10/finance/quoteSummary/KO"] == server.counts["/v10/finance/quoteSummary/NVDA"] == 0
    assert {one["what"] for one in report["failed"]} == {"KO", "CIK1045810 (NVDA)"}
    facts = Store(directory).frame("facts")
    assert facts.loc[facts["ticker"] == "KO", "value"].tolist() == [7.0]


def test_a_foreign_filer_is_no_longer_left_out(tmp_path):
    found = answers(listed=("AAPL", "KO"), KO="USD")
    page = "/submissions/CIK0000021344.json"
    submissions = json.loads(found[page].content)
    submissions["filings"]["recent"]["form"] = ["20-F"] * len(submissions["filings"]["recent"]["form"])
    found[page] = Answer(json.dumps(submissions).encode())
    with Replay(found) as server:
        without = run(tmp_path / "store", server, statements=False, tickers=("AAPL", "KO"))
        report = run(tmp_path / "store", server, tickers=("AAPL", "KO"))
        again = run(tmp_path / "store", server, statements=False, tickers=("AAPL", "KO"))
    assert [one["what"] for one in without["excluded"]] == ["KO"]
    assert report["excluded"] == report["failed"] == []
    assert again["fingerprint"] == report["fingerprint"]


def test_one_failure_stops_nobody_and_is_tried_again(tmp_path):
    directory = tmp_path / "store"
    found = answers(KO="USD", NVDA="USD")
    with Replay(found, lambda path, *_: "garbage" if path == SERIES + "NVDA" else None) as server:
        report = run(directory, server)
    assert any("Yahoo gave no answer" in one["reason"] for one in report["failed"] if one["what"] == "NVDA")
    assert set(Store(directory).frame("facts")["ticker"]) == {"AAPL", "KO"}
    with Replay(found) as server:
        report = run(directory, server)
    assert report["failed"] == report["excluded"] == []
    assert set(Store(directory).frame("facts")["ticker"]) == {"AAPL", "KO", "NVDA"}


@pytest.mark.parametrize("fault", ["503", "garbage", "429", "reset"])
def test_a_broken_answer_is_not_kept_by_the_library(tmp_path, fault):
    found = replay_server.yahoo_answers({}) | at_yahoo("KO", "USD") | at_yahoo("BABA", "CNY") | at_yahoo("X", "")
    seen = lambda path, _, of_path: fault if path == SERIES + "KO" and of_path in (2, 3) else None  # noqa: E731
    with Replay(found, seen) as server:
        got = dict(Yahoo(tmp_path, QUICK, server.url).statements(["KO", "BABA", "X", "GONE"]))
    assert isinstance(got["KO"], pd.DataFrame), str(got["KO"])
    assert len(got["KO"]) == 7
    assert isinstance(got["BABA"], OtherCurrency)
    assert "CNY" in str(got["BABA"])
    assert "does not say which currency" in str(got["X"])
    assert isinstance(got["GONE"], DataError)


def test_signs_lags_and_stamps_by_hand():
    table = pd.DataFrame(
        {
            pd.Timestamp("2023-12-31"): [100.0, -7.0, -20.0, np.nan, -3.0, np.nan],
            pd.Timestamp("2022-12-31"): [90.0, 6.0, 0.0, 5.0, 2.0, 40.0],
        },
        index=[
            "Total Revenue",
            "Interest Expense",
            "Capital Expenditure",
            "Total Assets",
            "Inventory",
            "Ordinary Shares Number",
        ],
    )
    rows = statement_rows(table, "X", annual=True)
    flat = rows.set_index(["item", "period_end"])
    last, before = pd.Timestamp("2023-12-31"), pd.Timestamp("2022-12-31")
    assert flat.loc[("capital_expenditure", last), "value"] == 20
    assert not np.signbit(flat.loc[("capital_expenditure", before), "value"])
    assert flat.loc[("interest_expense", last), "value"] == 7
    assert "suspect_sign" in flat.loc[("interest_expense", last), "flags"]
    assert "suspect_sign" not in flat.loc[("interest_expense", before), "flags"]
    assert flat.loc[("inventory", last), "value"] == -3  # flagged, not corrected
    assert "suspect_sign" in flat.loc[("inventory", last), "flags"]
    assert flat.loc[("revenue", last), "period_start"] == pd.Timestamp("2023-01-01")
    assert pd.isna(flat.loc[("assets", before), "period_start"])
    assert "share_basis" in flat.loc[("shares_outstanding", before), "flags"]
    assert rows.loc[rows["unit"] == "shares", "item"].tolist() == ["shares_outstanding"]
    assert rows["flags"].str.contains("not_point_in_time").all()
    assert len(rows) == 10
    assert "filed" not in rows
    assert len(canonical(rows, schema_of("facts"))) == 10
