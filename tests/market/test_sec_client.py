"""The patient reader and the SEC client, against a local server that misbehaves."""

from __future__ import annotations

import importlib.util
import threading
import time
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from market.errors import ConfigError, DataError
from market.sources.http import Reader
from market.sources.http_cache import HttpCache
from market.sources.pacing import Pace, Patience, completed
from market.sources.sec.client import Endpoints, SecClient, user_agent
from market.sources.sec.companies import companies
from market.sources.sec.submissions import parse, parse_shard

_spec = importlib.util.spec_from_file_location("replay_server", Path(__file__).with_name("replay_server.py"))
replay_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay_server)
Answer, Replay = replay_server.Answer, replay_server.Replay

QUICK = Patience(
    requests_per_second=500, attempts=5, first_wait=0.01, longest_wait=0.05, read_timeout=0.4, deadline=0.6, in_flight=4
)
BODY = b'{"numbers": [' + b",".join(b"%d" % i for i in range(20_000)) + b"]}"


def reader(tmp_path, patience=QUICK):
    return Reader({"User-Agent": "test", "Accept-Encoding": "gzip"}, HttpCache(tmp_path / "cache"), patience)


def fail_first(fault, times=2):
    return lambda path, number, of_path: fault if of_path <= times else None


@pytest.mark.parametrize("fault", ["429", "503", "403", "half", "html", "garbage", "reset", "drip"])
def test_every_fault_is_survived(tmp_path, fault):
    with Replay({"/x.json": Answer(BODY)}, fail_first(fault, 1 if fault == "drip" else 2)) as server:
        with reader(tmp_path) as http:
            assert http.get(f"{server.url}/x.json", ("json",)) == BODY
        assert sum(status == fault for _, status in server.log) == (1 if fault == "drip" else 2)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("429", "429"),
        ("503", "503"),
        ("half", "without sending complete message body"),
        ("html", "text/html instead of json"),
        ("garbage", "truncated"),
    ],
)
def test_giving_up_says_what_was_seen(tmp_path, fault, seen):
    with Replay({"/x.json": Answer(BODY)}, lambda *_: fault) as server, reader(tmp_path) as http:
        with pytest.raises(DataError, match=f"no usable answer after 5 attempts.*{seen}"):
            http.get(f"{server.url}/x.json", ("json",))
        assert len(server.log) == 5


def test_retry_after_pauses_every_thread(tmp_path):
    class Slow(Replay):
        @staticmethod
        def send(handler, status, body, kind, headers, fault=None):
            if status == 429:
                headers = {"Retry-After": "1"}
            Replay.send(handler, status, body, kind, headers, fault)

    answers = {f"/{i}.json": Answer(BODY) for i in range(4)}
    with (
        Slow(answers, lambda path, number, of_path: "429" if number == 0 else None) as server,
        reader(tmp_path) as http,
    ):
        began = time.monotonic()
        assert http.get(f"{server.url}/0.json", ("json",)) == BODY
        assert time.monotonic() - began >= 1.0


def test_a_server_that_is_not_there(tmp_path):
    with reader(tmp_path) as http, pytest.raises(DataError, match="ConnectError"):
        http.get("http://127.0.0.1:9/x.json")


def test_kept_answers_are_confirmed_not_fetched_again(tmp_path):
    with Replay({"/x.json": Answer(BODY)}) as server:
        with reader(tmp_path) as http:
            assert http.get(f"{server.url}/x.json", ("json",)) == BODY
            assert http.get(f"{server.url}/x.json", ("json",)) == BODY
            assert ("/x.json", "304") in server.log
            before = len(server.log)
            assert http.get(f"{server.url}/x.json", ("json",), max_age=60) == BODY
            assert len(server.log) == before
        server.answers["/x.json"] = Answer(b"[1]")
        with reader(tmp_path) as http:
            assert http.get(f"{server.url}/x.json", ("json",)) == b"[1]"


def test_a_damaged_copy_is_fetched_anew(tmp_path):
    with Replay({"/x.json": Answer(BODY)}) as server, reader(tmp_path) as http:
        http.get(f"{server.url}/x.json", ("json",))
        body = next((tmp_path / "cache").glob("*.body"))
        body.write_bytes(body.read_bytes()[:-1] + b"\x00")  # the length still fits
        assert http.get(f"{server.url}/x.json", ("json",), max_age=60) == BODY
        body.write_bytes(b"short")
        assert http.get(f"{server.url}/x.json", ("json",), max_age=60) == BODY
        note = next((tmp_path / "cache").glob("*.note"))
        note.write_text("{")
        assert http.get(f"{server.url}/x.json", ("json",), max_age=60) == BODY


def test_pace_and_several_in_flight(tmp_path):
    """The ceiling holds over all threads, and more than one request is under way at a time."""
    answers = {f"/{i}.json": Answer(b"[]") for i in range(24)}
    patience = Patience(requests_per_second=60, attempts=2, first_wait=0.01, in_flight=4)
    with Replay(answers, per_request_delay=0.05) as server:
        with reader(tmp_path, patience) as http:
            urls = [f"{server.url}{path}" for path in answers]
            results = dict(http.map(lambda url: http.get(url, ("json",)), urls))
        assert results == dict.fromkeys(urls, b"[]")
        assert server.most_active >= 2
        times = sorted(server.times)
        assert times[-1] - times[0] >= 23 / 60 * 0.9
        assert min(b - a for a, b in pairwise(times[::6])) > 0


def test_one_failure_is_handed_back_beside_its_item():
    def work(n):
        if n == 2:
            raise DataError("two")
        return n

    got = dict(completed(work, range(4), 2, lambda: None))
    assert {k: v for k, v in got.items() if k != 2} == {0: 0, 1: 1, 3: 3}
    assert isinstance(got[2], DataError)


def test_a_bug_ends_the_whole_and_wakes_those_who_wait():
    stopped = threading.Event()
    pace = Pace(0.1)
    pace.pause(30)

    def work(n):
        if n == 0:
            raise ZeroDivisionError
        pace.wait(stopped)

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(completed(work, range(4), 2, stopped.set))
    assert time.monotonic() - began < 5


def test_the_sec_wants_a_contact_and_no_more_than_ten_a_second(tmp_path, monkeypatch):
    monkeypatch.delenv("HEDGEBASKET_CONTACT", raising=False)
    with pytest.raises(ConfigError, match="set HEDGEBASKET_CONTACT"):
        SecClient(tmp_path)
    with pytest.raises(ConfigError, match="'nobody' is no e-mail"):
        user_agent("nobody")
    with pytest.raises(ConfigError):
        user_agent("me@example.com\r\nX-Evil: 1")
    monkeypatch.setenv("HEDGEBASKET_CONTACT", "desk@example.com")
    assert "desk@example.com" in user_agent(None)
    with pytest.raises(ConfigError, match="limit of 10"):
        SecClient(tmp_path, "me@example.com", patience=Patience(requests_per_second=11))


def client(tmp_path, server):
    return SecClient(
        tmp_path, "me@example.com", Endpoints(server.url, server.url), Patience(first_wait=0.01, attempts=3)
    )


def test_documents_of_the_sec(tmp_path):
    with Replay(replay_server.sec_answers()) as server, client(tmp_path, server) as sec:
        listed = {company.ticker: company for company in sec.companies()}
        assert listed["MRVL"].cik == 1835632
        assert sec.companyfacts(1835632) == replay_server.recorded("CIK0001835632")
        assert sec.companyfacts(42) is None
        assert sec.submissions(42) is None
        marvell = sec.submissions(1835632)
        assert marvell.name == "Marvell Technology, Inc."
        assert not marvell.foreign
        assert len(marvell.annual_reports()) == 5
        assert sec.submissions(replay_server.FOREIGN).foreign
        assert all("me@example.com" in agent for agent in server.agents)


def test_older_shards_are_followed_back_to_since(tmp_path):
    columns = {"accessionNumber": ["a-9"], "filingDate": ["2023-02-21"], "form": ["10-K"],
               "acceptanceDateTime": ["2023-02-21T13:01:02.000Z"]}  # fmt: skip
    shards = [
        {"name": "CIK0000000007-submissions-001.json", "filingFrom": "2015-01-01", "filingTo": "2019-12-31"},
        {"name": "CIK0000000007-submissions-002.json", "filingFrom": "2005-01-01", "filingTo": "2014-12-31"},
    ]
    recent = {"cik": "7", "name": "Seven", "filings": {"recent": columns, "files": shards}}
    older = {
        **columns,
        "accessionNumber": ["a-5"],
        "filingDate": ["2019-02-21"],
        "acceptanceDateTime": ["2019-02-21T23:30:00.000Z"],
    }
    answers = {
        "/submissions/CIK0000000007.json": Answer(replay_server.json.dumps(recent).encode()),
        f"/submissions/{shards[0]['name']}": Answer(replay_server.json.dumps(older).encode()),
        f"/submissions/{shards[1]['name']}": Answer(b"{}"),
    }
    with Replay(answers) as server, client(tmp_path, server) as sec:
        found = sec.submissions(7, pd.Timestamp("2018-01-01"))
        assert list(found.filings["accession"]) == ["a-9", "a-5"]
        assert found.accepted() == {
            "a-9": pd.Timestamp("2023-02-21 08:01:02"),
            "a-5": pd.Timestamp("2019-02-21 18:30:00"),  # after the close: the next session
        }
        with pytest.raises(DataError, match="not a shard"):
            sec.submissions(7, pd.Timestamp("2010-01-01"))


def test_lists_and_shapes():
    old = b'{"0": {"cik_str": 1067983, "ticker": "BRK-B", "title": "BERKSHIRE HATHAWAY INC"}}'
    assert [(c.ticker, c.cik) for c in companies(old)] == [("BRK.B", 1067983)]
    for content in (b"[]", b"{", b'{"fields": ["cik"], "data": [[1]]}'):
        with pytest.raises(DataError):
            companies(content)
    for content in (b"[]", b'{"cik": "1"}', b""):
        with pytest.raises(DataError):
            parse(content)
    with pytest.raises(DataError):
        parse_shard(b'{"form": 3}')
