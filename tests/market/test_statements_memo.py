"""Histories kept beside a store: the same figures, no second reading, and never anybody else's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from market import calendar, preparation
from market.contents import Contents
from market.facts import ITEMS
from market.histories import USUAL
from market.market import Market, open_market
from market.preparation import memo_of, prepare
from market.sources import sec
from market.statement_memo import StatementMemo
from market.statements import Statements
from market.store import Store

RECORDED = Path(__file__).parent / "data" / "sec"
SESSIONS = calendar.sessions_between("2015-01-01", "2024-12-31")
TICKERS = pd.Index(["AAPL", "GOOGL", "MRVL", "NVDA"])
ASKED = [("revenue", "ttm", 0), ("equity", "latest", 4), ("net_income", "year", 1), ("liabilities", "latest", 0)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    directory = tmp_path_factory.mktemp("memo") / "store"
    sec.import_companyfacts(directory, RECORDED)
    return directory


@pytest.fixture(scope="module")
def facts(recorded):
    return Store(recorded).frame("facts")


@pytest.fixture
def store(tmp_path, facts):
    opened = Store.create(tmp_path / "store")
    with opened.writer() as writer:
        writer.replace("facts", facts, "recorded")
    return opened


def must_not_read(*_):
    raise AssertionError("the facts were read")


def figures(statements, session="2023-11-06"):
    view = statements.at(session)
    return [view.item(*ask) for ask in ASKED] + [view.item("inventory"), view.item("preferred_equity")]


def same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_prepared_is_never_read_again(store, facts):
    memo = prepare(store, {*USUAL, *ASKED})
    same(
        figures(Statements(must_not_read, TICKERS, SESSIONS, memo)), figures(Statements.build(facts, TICKERS, SESSIONS))
    )


def test_one_memo_serves_any_order_of_tickers_and_any_span_of_sessions(store, facts):
    memo = prepare(store, ASKED)
    strangers = pd.Index(["AAA", *TICKERS[::-1][:3], "ZZZ"])
    for tickers in (TICKERS[::-1], TICKERS[1:2], strangers):
        for sessions in (SESSIONS, SESSIONS[-500:], SESSIONS[:-200]):
            view = Statements(lambda: facts, tickers, sessions, memo).at("2024-02-01")
            plain = Statements.build(facts, tickers, sessions).at("2024-02-01")
            for ask in ASKED:
                np.testing.assert_array_equal(view.item(*ask), plain.item(*ask))
                np.testing.assert_array_equal(view.period_end(*ask), plain.period_end(*ask))
                np.testing.assert_array_equal(view.flags(*ask), plain.flags(*ask))


@pytest.mark.parametrize("order", [["ticker"], ["item", "period_end"], ["filed", "ticker"]])
def test_chunks_and_the_order_of_the_file_change_nothing(tmp_path, facts, monkeypatch, order):
    """Companies in one piece, scattered over all row groups, and everything between; chunks of one company and two."""
    opened = Store.create(tmp_path / "store")
    with opened.writer() as writer:
        writer.replace("facts", facts, "recorded")
    path = opened.root / opened.entry("facts").file
    table = pq.read_table(path).sort_by([(name, "descending") for name in order])
    pq.write_table(table, path, row_group_size=1000)
    monkeypatch.setattr(preparation, "CHUNK_ROWS", 7_000)
    asks = {*USUAL, *ASKED}
    view = Statements(must_not_read, TICKERS, SESSIONS, prepare(opened, asks)).at("2022-05-16")
    plain = Statements.build(facts, TICKERS, SESSIONS).at("2022-05-16")
    known = 0
    for ask in sorted(asks):
        np.testing.assert_array_equal(view.item(*ask), plain.item(*ask))
        known += int(np.isfinite(view.item(*ask)).sum())
    assert known > len(asks)


def test_days_may_be_asked_for_in_any_order(store):
    memo = prepare(store, ASKED)
    days = [str(day.date()) for day in SESSIONS[700::150]]
    alone = {day: figures(Statements(lambda: store.frame("facts"), TICKERS, SESSIONS, memo), day) for day in days}
    walked = Statements(lambda: store.frame("facts"), TICKERS, SESSIONS, memo)
    for position in np.random.default_rng(0).permutation(len(days)):
        day = days[position]
        same(figures(walked, day), alone[day])


def test_the_source_of_a_figure_is_the_same_with_a_memo_and_without(store, facts):
    def read_company(ticker):
        return store.frame("facts", where=f"ticker = '{ticker}'")

    kept = Statements(must_not_read, TICKERS, SESSIONS, prepare(store), read_company)
    plain = Statements.build(facts, TICKERS, SESSIONS)
    found = 0
    for day in ("2016-03-01", "2020-08-14", "2023-11-06"):
        for item in ITEMS:
            for ticker in TICKERS:
                source = kept.at(day).source(ticker, item)
                assert source == plain.at(day).source(ticker, item)
                found += source is not None
    assert found > 200


def test_other_facts_have_their_own(store, facts, tmp_path):
    first = prepare(store, ASKED)
    assert first.has(*ASKED[0])
    with store.writer() as writer:
        writer.replace("facts", facts[facts["ticker"] != "AAPL"], "fewer")
    assert not memo_of(store).begun
    second = prepare(store, ASKED)
    assert list(second.companies) == [name for name in first.companies if name != "AAPL"]
    assert len(list((store.root / ".derived").iterdir())) == 1  # the memo of other facts was cleared away


def test_a_history_is_added_when_it_is_asked_for(store, facts):
    memo = prepare(store, ASKED[:1])
    assert memo.load("equity", "latest", 4) is None
    figures(Statements(lambda: facts, TICKERS, SESSIONS, memo))
    same(
        figures(Statements(must_not_read, TICKERS, SESSIONS, memo)), figures(Statements.build(facts, TICKERS, SESSIONS))
    )
    memo.save("no_such_item", "latest", 0, None)
    nothing = memo.load("no_such_item", "latest", 0)
    assert nothing is not None
    assert not len(nothing.key)


def test_a_damaged_or_missing_file_is_computed_again(store, facts):
    memo = prepare(store, ASKED)
    want = figures(Statements(lambda: facts, TICKERS, SESSIONS, memo))
    for path in store.root.rglob("revenue*.arrow"):
        path.write_bytes(path.read_bytes()[:100])
    for path in store.root.rglob("equity*.arrow"):
        path.unlink()
    same(figures(Statements(lambda: facts, TICKERS, SESSIONS, memo)), want)
    for path in store.root.rglob("companies.json"):
        path.write_text('{"companies": ')
    assert not memo_of(store).begun
    same(figures(Statements(must_not_read, TICKERS, SESSIONS, prepare(store, {*USUAL, *ASKED}))), want)


def test_remains_of_a_killed_writer_are_swept(store):
    memo = prepare(store, ASKED[:1])
    remains = next(store.root.rglob("revenue*.arrow")).with_name(".equity-latest-4.arrow.1.tmp")
    remains.write_bytes(b"half")
    prepare(store, ASKED[:2])
    assert remains.exists()  # perhaps somebody is still writing it
    os.utime(remains, (0, 0))
    prepare(store, ASKED)
    assert not remains.exists()
    assert all(memo.has(*ask) for ask in ASKED)


def test_a_place_that_cannot_be_written_is_no_hindrance(store, facts):
    (store.root / ".derived").write_text("a file in the way")
    assert prepare(store, ASKED) is None
    market = Market(Contents("blocked", store), store.root).with_tables(
        prices=pd.DataFrame({"date": SESSIONS, "ticker": "AAPL", "close": 100.0})
    )
    assert market.as_of("2023-11-06").item("revenue")[0] == 383_285e6
    blocked = StatementMemo(store.root / "manifest.json", "f")
    blocked.save("revenue", "ttm", 0, None)
    assert blocked.load("revenue", "ttm", 0) is None


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


def test_figures_do_not_depend_on_where_the_prices_begin(facts):
    """A balance given once a year is known to be so from the years before the first price too."""
    early, late = (
        Statements.build(facts, TICKERS, calendar.sessions_between(start, "2021-12-31"))
        for start in ("2012-01-03", "2021-06-01")
    )
    for item in ITEMS:
        np.testing.assert_array_equal(early.at("2021-07-30").item(item), late.at("2021-07-30").item(item))
    assert np.isfinite(late.at("2021-07-30").item("debt_due_12m")).sum() >= 2
