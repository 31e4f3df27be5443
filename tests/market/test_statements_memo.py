"""Histories kept beside a store: the same figures, no second reading, and never anybody else's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.market import open_market
from market.sources import sec
from market.statement_memo import StatementMemo
from market.statements import Statements
from market.store import Store

RECORDED = Path(__file__).parent / "data" / "sec"
SESSIONS = pd.bdate_range("2015-01-01", "2024-12-31")
TICKERS = pd.Index(["CIK1045810", "CIK1652044", "CIK1835632", "CIK320193"])
ASKED = [("revenue", "ttm", 0), ("equity", "latest", 4), ("net_income", "year", 1), ("liabilities", "latest", 0)]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    directory = tmp_path_factory.mktemp("memo") / "store"
    sec.import_companyfacts(directory, RECORDED)
    return Store(directory).frame("facts")


def must_not_read():
    raise AssertionError("the facts were read")


def memo(directory, fingerprint="f", tickers=TICKERS, sessions=SESSIONS):
    return StatementMemo(directory, fingerprint, tickers, sessions)


def figures(statements):
    view = statements.at("2023-11-06")
    return [view.item(*ask) for ask in ASKED] + [view.item("inventory"), view.item("preferred_equity")]


def test_the_second_time_nothing_is_read(tmp_path, facts):
    first = figures(Statements(lambda: facts, TICKERS, SESSIONS, memo(tmp_path)))
    second = figures(Statements(must_not_read, TICKERS, SESSIONS, memo(tmp_path)))
    plain = figures(Statements.build(facts, TICKERS, SESSIONS))
    for a, b, c in zip(first, second, plain, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)


def test_other_facts_tickers_or_sessions_have_their_own(tmp_path, facts):
    figures(Statements(lambda: facts, TICKERS, SESSIONS, memo(tmp_path)))
    for other in (
        memo(tmp_path, "g"), memo(tmp_path, "f", TICKERS[::-1]), memo(tmp_path, "f", TICKERS, SESSIONS[:-1]),
    ):  # fmt: skip
        assert other.load("revenue", "ttm", 0) is None
    kept = memo(tmp_path, "g")
    kept.save("revenue", "ttm", 0, None)  # the memo of other facts takes its place
    assert memo(tmp_path).load("revenue", "ttm", 0) is None
    nothing = kept.load("revenue", "ttm", 0)
    assert nothing is not None
    assert not len(nothing.key)


def test_a_damaged_or_missing_file_is_computed_again(tmp_path, facts):
    want = figures(Statements(lambda: facts, TICKERS, SESSIONS, memo(tmp_path)))
    for path in tmp_path.rglob("revenue*.arrow"):
        path.write_bytes(path.read_bytes()[:100])
    for path in tmp_path.rglob("equity*.arrow"):
        path.unlink()
    got = figures(Statements(lambda: facts, TICKERS, SESSIONS, memo(tmp_path)))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_place_that_cannot_be_written_is_no_hindrance(tmp_path, facts):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert len(figures(Statements(lambda: facts, TICKERS, SESSIONS, memo(blocked)))) == 6


def test_a_market_keeps_them_in_its_store_and_the_sample_does_not(tmp_path):
    rows = pd.DataFrame({"date": pd.bdate_range("2023-01-02", "2023-12-29"), "ticker": "AAPL", "close": 100.0})
    sec.import_companyfacts(tmp_path / "store", RECORDED)
    with Store(tmp_path / "store").writer() as writer:
        writer.replace("prices", rows, "planted")
    values = [open_market(tmp_path / "store").as_of("2023-11-06").item("revenue")[0] for _ in range(2)]
    assert values == [383_285e6] * 2
    assert len(list((tmp_path / "store" / ".derived").rglob("revenue-ttm-0.arrow"))) == 1
    source = open_market(tmp_path / "store").as_of("2023-11-06").source("AAPL", "revenue")
    assert source.accession == "0000320193-23-000106"
    sample = open_market("sample")
    sample.as_of(sample.sessions[-1]).item("revenue")
    assert not (Path(sample.root) / ".derived").exists()
