"""Filling a store from a local SEC, Yahoo and New York Fed: what arrives, what is reported, and faults."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from market.errors import ConfigError, DataError
from market.sources.pacing import Patience
from market.sources.sec.client import Endpoints
from market.sources.sync import Servers, sync
from market.store import Store

_spec = importlib.util.spec_from_file_location("replay_server", Path(__file__).with_name("replay_server.py"))
replay_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay_server)
Answer, Replay = replay_server.Answer, replay_server.Replay

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:yfinance")
QUICK = Patience(
    requests_per_second=1000, attempts=5, first_wait=0.01, longest_wait=0.05, read_timeout=0.5, deadline=1.0
)
NOW = pd.Timestamp("2022-06-01 12:00")
TICKERS = ("AAPL", "NVDA", "KO")


def run(store, server, tickers=TICKERS, **options):
    servers = Servers(Endpoints(server.url, server.url), server.url, server.url)
    options = {"contact": "desk@example.com", "servers": servers, "patience": QUICK, "now": NOW} | options
    return sync(store, "sp500", "2021-01-01", tickers=tickers, references=["SPY"], **options)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Report and fingerprint of a sync that nothing disturbed."""
    directory = tmp_path_factory.mktemp("clean") / "store"
    with Replay(replay_server.small_answers()) as server:
        return run(directory, server), directory


def test_what_a_sync_brings(clean):
    report, directory = clean
    store = Store(directory)
    assert report["failed"] == []
    assert report["fingerprint"] == store.fingerprint
    assert set(report["tables"]) >= {"prices", "facts", "securities", "members", "rates"}
    assert report["coverage"][0] == {"year": 2021, "members": 3, "with_prices": 3, "with_facts": 3}
    facts = store.frame("facts")
    assert set(facts["ticker"]) == set(TICKERS)
    assert facts["accession"].notna().all()
    prices = store.frame("prices")
    want = replay_server.walk(0, n=60)
    assert prices[prices["ticker"] == "AAPL"]["close"].tolist() == pytest.approx(want["close"].tolist(), rel=1e-4)
    securities = store.frame("securities").set_index("ticker")
    assert securities.loc["AAPL", "cik"] == 320193
    assert securities.loc["AAPL", "sector"] == "Information Technology"
    assert securities.loc["SPY", "type"] == "fund"
    assert set(store.frame("rates")["name"]) == {"fed_funds", "sofr"}


def test_running_twice_changes_nothing(clean):
    report, directory = clean
    generation = Store(directory).manifest.generation
    with Replay(replay_server.small_answers()) as server:
        again = run(directory, server)
        assert again["fingerprint"] == report["fingerprint"]
        assert Store(directory).manifest.generation == generation
        third = run(directory, server, max_age_hours=0.0)  # asks again, is told that nothing changed
        assert third["fingerprint"] == report["fingerprint"]
        assert any(status == "304" for _, status in server.log)


@pytest.mark.parametrize("fault", ["429", "503", "half", "html", "garbage", "drip"])
def test_faults_change_nothing(tmp_path, clean, fault):
    def every_other(path, number, of_path):
        return fault if of_path == 1 and number % 2 == 0 and "chart" not in path else None

    with Replay(replay_server.small_answers(), every_other) as server:
        report = run(tmp_path / "store", server)
        assert sum(status == fault for _, status in server.log) >= 2
    assert report["failed"] == []
    assert report["fingerprint"] == clean[0]["fingerprint"]


def test_one_company_that_cannot_be_read_stops_nobody_and_is_tried_again(tmp_path, clean):
    drifted = "/api/xbrl/companyfacts/CIK0001045810.json"
    with Replay(replay_server.small_answers(), lambda path, *_: "drift" if path == drifted else None) as server:
        report = run(tmp_path / "store", server)
    (failure,) = report["failed"]
    assert failure["what"] == "CIK1045810 (NVDA)"
    assert "not a companyfacts document" in failure["reason"]
    assert set(Store(tmp_path / "store").frame("facts")["ticker"]) == {"AAPL", "KO"}
    with Replay(replay_server.small_answers()) as server:
        report = run(tmp_path / "store", server, max_age_hours=0.0)
    assert report["failed"] == []
    assert report["fingerprint"] == clean[0]["fingerprint"]


def test_nothing_at_all_is_an_error_and_leaves_no_table(tmp_path):
    with Replay({}) as server, pytest.raises(DataError, match="nothing could be fetched"):
        run(tmp_path / "store", server, patience=Patience(requests_per_second=1000, attempts=2, first_wait=0.01))
    assert not Store(tmp_path / "store").manifest.tables


def test_new_filings_arrive_and_imports_stay(tmp_path, clean):
    """A restated figure, a company of one's own, and one's own sector for a synced company."""
    directory = tmp_path / "store"
    own = pd.DataFrame(
        {"ticker": ["OWN"], "item": ["assets"], "period_end": [pd.Timestamp("2021-03-31")], "value": [7.0]}
    )
    sectors = pd.DataFrame({"ticker": ["KO"], "sector": ["Consumer Staples"]})
    with Store.create(directory).writer() as writer:
        writer.replace("facts", own, "mine")
        writer.replace("securities", sectors, "mine")
    answers = replay_server.small_answers()
    with Replay(answers) as server:
        run(directory, server)
        document = json.loads(answers["/api/xbrl/companyfacts/CIK0000021344.json"].content)
        rows = document["facts"]["us-gaap"]["Assets"]["units"]["USD"]
        rows.append({**rows[-1], "val": 1.0, "accn": "0000021344-22-000009", "form": "10-K/A", "filed": "2022-05-20"})
        answers["/api/xbrl/companyfacts/CIK0000021344.json"] = Answer(json.dumps(document).encode())
        run(directory, server, max_age_hours=0.0)
    store = Store(directory)
    facts = store.frame("facts")
    assert set(facts["ticker"]) == {*TICKERS, "OWN"}
    assert "0000021344-22-000009" in set(facts["accession"])
    held = store.frame("securities").set_index("ticker")
    assert held.loc["KO", "sector"] == "Consumer Staples"
    assert held.loc["KO", "cik"] == 21344


def test_annual_reports_are_read_once(tmp_path):
    answers = replay_server.small_answers()
    listed = json.loads(answers["/submissions/CIK0000021344.json"].content)
    recent = listed["filings"]["recent"]
    for name, value in (("accessionNumber", "0000021344-22-000001"), ("filingDate", "2022-02-20"), ("form", "10-K")):
        recent[name].insert(0, value)
    recent["primaryDocument"] = ["ko.htm"] + [""] * (len(recent["form"]) - 1)
    answers["/submissions/CIK0000021344.json"] = Answer(json.dumps(listed).encode())
    body = "<p>Item 1. Business</p><p>" + "we bottle drinks with AI " * 60 + "</p><p>Item 2. Properties</p>"
    page = "/Archives/edgar/data/21344/000002134422000001/ko.htm"
    answers[page] = Answer(body.encode(), "text/html")
    with Replay(answers) as server:
        for _ in range(2):
            report = run(tmp_path / "store", server, texts=True, max_age_hours=0.0)
        assert server.counts[page] == 1
    assert report["failed"] == []
    (row,) = Store(tmp_path / "store").frame("filing_text").to_dict("records")
    assert (row["ticker"], row["section"], row["words"], row["adoption_hits"]) == ("KO", "1", 302, 60)


def test_a_symbol_that_another_company_took_over_is_left_out(tmp_path):
    """A member that left in 2021 and whose symbol has prices from 2022 on only."""
    answers = replay_server.small_answers()
    gone = "NOV"  # left the S&P 500 on 2021-09-20
    answers[f"/v8/finance/chart/{gone}"] = replay_server.chart(
        gone, replay_server.at_yahoo(replay_server.walk(9, "2022-01-03", n=30))
    )
    with Replay(answers) as server:
        report = run(tmp_path / "store", server, tickers=("AAPL", gone))
    reasons = {one["reason"] for one in report["failed"] if one["what"] == gone}
    assert any("another company's symbol" in reason for reason in reasons)
    assert any("not in the SEC's list" in reason for reason in reasons)
    assert set(Store(tmp_path / "store").frame("prices")["ticker"]) == {"AAPL", "SPY"}


def test_one_writer_at_a_time_and_a_contact(tmp_path, monkeypatch):
    monkeypatch.delenv("HEDGEBASKET_CONTACT", raising=False)
    store = Store.create(tmp_path / "store")
    with Replay(replay_server.small_answers()) as server:
        with store.writer(), pytest.raises(DataError, match="one writer at a time"):
            run(tmp_path / "store", server)
        with pytest.raises(ConfigError, match="HEDGEBASKET_CONTACT"):
            run(tmp_path / "store", server, contact=None)


def test_servers_from_the_environment(monkeypatch):
    monkeypatch.setenv("HEDGEBASKET_SEC_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HEDGEBASKET_YAHOO_URL", "http://127.0.0.1:2")
    servers = Servers.from_environment()
    assert servers.sec == Endpoints("http://127.0.0.1:1", "http://127.0.0.1:1")
    assert servers.yahoo == "http://127.0.0.1:2"
    assert servers.fed.startswith("https://")


def test_coverage_counts_what_each_year_has(tmp_path, clean):
    """Bars of spring 2021, reports to the end of 2021: the year after has neither."""
    report, _ = clean
    assert report["coverage"] == [
        {"year": 2021, "members": 3, "with_prices": 3, "with_facts": 3},
        {"year": 2022, "members": 3, "with_prices": 0, "with_facts": 3},
    ]
    with Replay(replay_server.small_answers()) as server:
        later = run(tmp_path / "store", server, now=pd.Timestamp("2024-06-03 12:00"))
    assert later["coverage"][-1] == {"year": 2024, "members": 3, "with_prices": 0, "with_facts": 0}


def test_a_ban_in_the_middle_ends_the_asking_and_the_next_sync_goes_on(tmp_path, clean):
    """One company is in when the SEC begins to refuse: two questions of three attempts, then nobody knocks any more."""
    with Replay(replay_server.small_answers()) as server:
        run(tmp_path / "store", server, tickers=("KO",), now=pd.Timestamp("2022-05-31 12:00"))
    brief = Patience(requests_per_second=1000, attempts=3, first_wait=0.01, longest_wait=0.02, give_up_after=2)
    with Replay(replay_server.small_answers(), lambda *_: "403") as server:
        report = run(tmp_path / "store", server, patience=brief)
        asked = [path for path, _ in server.log if "chart" not in path and path.startswith(("/submissions", "/api"))]
    assert asked.count("/submissions/CIK0000320193.json") == asked.count("/submissions/CIK0001045810.json") == 3
    assert len(asked) == 6  # the rates, which come after, were not asked for
    left = report["failed"][0]
    assert left["what"] == "fed_funds and 1 more"
    assert "not asked: 2 questions in a row got no answer (403 Forbidden)" in left["reason"]
    assert "it goes on where it stopped" in left["reason"]
    assert set(Store(tmp_path / "store").frame("facts")["ticker"]) == {"KO"}
    with Replay(replay_server.small_answers()) as server:
        report = run(tmp_path / "store", server)
        assert server.counts["/files/company_tickers_exchange.json"] == 0  # kept from before
    assert report["failed"] == []
    assert report["fingerprint"] == clean[0]["fingerprint"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"since": "yesterday-ish"}, "is not a date"),
        ({"since": "2030-01-01"}, "lies after the last day with prices"),
        ({"tickers": ["ZZZZ"]}, "ZZZZ: no member of sp500 since 2021-01-01"),
    ],
)
def test_what_cannot_be_synced_is_said_at_once(tmp_path, options, message):
    given = {"since": "2021-01-01", "tickers": TICKERS} | options
    with pytest.raises(ConfigError, match=message):
        sync(tmp_path / "store", "sp500", contact="desk@example.com", now=NOW, **given)
    assert not (tmp_path / "store").exists()


def test_a_stranger_among_the_tickers_is_named(tmp_path):
    with Replay(replay_server.small_answers()) as server:
        report = run(tmp_path / "store", server, tickers=("KO", "ZZZZ"))
    assert report["failed"] == [{"what": "ZZZZ", "reason": "no member of sp500 since 2021-01-01"}]
