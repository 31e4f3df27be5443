"""What was known of a company on a day: from SEC files alone, from the sample, by ticker and by CIK."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import market
from market.errors import DataError
from market.fundamentals import fundamentals
from market.sources import sec
from market.statements import Statements

RECORDED = Path(__file__).parent / "data" / "sec"


@pytest.fixture(scope="module")
def filings(tmp_path_factory):
    """A store with nothing in it but companyfacts."""
    directory = tmp_path_factory.mktemp("filings") / "store"
    report = sec.import_companyfacts(directory, RECORDED)
    assert report.companies == 4
    assert [one["row"] for one in report.left_out] == [1997711]
    assert "foreign" in report.left_out[0]["reason"]
    return market.open(directory)


@pytest.mark.parametrize("name", ["CIK320193", "CIK0000320193", "cik320193"])
def test_apple_on_the_monday_after_its_annual_report(filings, name):
    apple = fundamentals(filings, name, "2023-11-06")
    assert apple.name == "Apple Inc."
    assert apple.ttm["revenue"] == 383_285e6
    assert apple.latest["assets"] == 352_583e6
    source = apple.sources["revenue"]
    assert (source.form, source.accession) == ("10-K", "0000320193-23-000106")
    assert source.filed == pd.Timestamp("2023-11-03")
    assert source.known_at == pd.Timestamp("2023-11-06")
    plain = apple.to_dict()
    assert plain["sources"]["revenue"]["filed"] == "2023-11-03"
    assert set(plain) == {"ticker", "as_of", "name", "ttm", "latest", "sources"}


def test_the_day_before_it_was_known(filings):
    apple = fundamentals(filings, "CIK320193", "2023-11-05")  # a Sunday: the close of Friday
    assert apple.session == pd.Timestamp("2023-11-03")
    assert apple.ttm["revenue"] == (394_328 + 293_787 - 304_182) * 1e6
    assert apple.sources["revenue"].form == "10-Q"


def test_unknown_names(filings):
    with pytest.raises(DataError, match="no company with CIK 42"):
        fundamentals(filings, "CIK42", "2023-11-06")
    with pytest.raises(
        DataError, match=r"no facts of 'KO'; there are facts of 5 names \(AAPL, GOOG, GOOGL, MRVL, NVDA\)"
    ):
        fundamentals(filings, "KO", "2023-11-06")
    with pytest.raises(DataError, match="did you mean 'AAPL'"):
        fundamentals(filings, "APPL", "2023-11-06")
    with pytest.raises(DataError, match="write CIK320193"):
        fundamentals(filings, "320193", "2023-11-06")


@pytest.mark.parametrize("day", ["1999-01-04", "2005-01-03", "2009-07-22"])
def test_before_the_first_filing_nothing_was_known(filings, day):
    with pytest.raises(DataError, match="its first fact was known on 2009-07-23"):
        fundamentals(filings, "AAPL", day)


def test_long_after_the_last_filing_nothing_is_fresh(filings):
    rows = filings.rows("facts")
    old = market.planted(facts=rows[rows["filed"] < "2012-01-01"])
    assert repr(old) == "<Market planted: no prices>"
    with pytest.raises(DataError, match="nothing fresh of AAPL on 2015-06-01: the last period known ended 2011-"):
        fundamentals(old, "AAPL", "2015-06-01")


def test_importing_again_changes_nothing_and_a_zip_serves_too(filings, tmp_path):
    import shutil

    shutil.make_archive(str(tmp_path / "companyfacts"), "zip", RECORDED)
    sec.import_companyfacts(tmp_path / "store", tmp_path / "companyfacts.zip")
    assert market.open(tmp_path / "store").fingerprint == filings.fingerprint
    sec.import_companyfacts(tmp_path / "store", RECORDED)
    assert market.Store(tmp_path / "store").manifest.generation == 1
    with pytest.raises(DataError, match="no CIK"):
        sec.import_companyfacts(tmp_path / "other", tmp_path)
    with pytest.raises(DataError, match="expected a directory"):
        sec.import_companyfacts(tmp_path / "other", tmp_path / "absent")


def test_one_issuer_serves_both_its_lines(tmp_path):
    """Alphabet: one set of filings under GOOG and GOOGL."""
    tickers = {1652044: ["GOOG", "GOOGL"], 320193: ["AAPL"], 1045810: ["NVDA"], 1835632: ["MRVL"]}
    sec.import_companyfacts(tmp_path, RECORDED, tickers=tickers)
    data = market.open(tmp_path)
    both = [fundamentals(data, ticker, "2023-02-06").ttm for ticker in ("GOOG", "GOOGL")]
    assert both[0] == both[1]
    assert both[0]["revenue"] == 282_836e6
    assert fundamentals(data, "CIK1652044", "2023-02-06").ticker == "GOOG"


def test_companies_get_their_tickers_once_they_are_known(tmp_path):
    """By CIK at first; then by the SEC's list beside the documents, which a store's own securities overrule."""
    for path in RECORDED.glob("CIK*.json.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    store = market.Store.create(tmp_path / "store")
    sec.import_companyfacts(store, tmp_path, tickers={})
    assert set(store.frame("facts")["ticker"]) == {"CIK320193", "CIK1045810", "CIK1652044", "CIK1835632"}
    listed = {"0": {"cik_str": 320193, "ticker": "APL", "title": "Apple"}}
    (tmp_path / "company_tickers.json").write_text(json.dumps(listed))
    with store.writer() as writer:
        own = {"ticker": ["NV", "MRVL", "MV"], "cik": [1045810, 7, 1835632], "name": ["mine", "another", None]}
        writer.merge("securities", pd.DataFrame(own), "mine")
    sec.import_companyfacts(store, tmp_path)
    facts = store.frame("facts")
    # Alphabet's two lines from the package; MRVL is somebody else's here
    assert set(facts["ticker"]) == {"APL", "NV", "GOOG", "GOOGL", "MV"}
    assert not facts.duplicated().any()
    held = store.frame("securities").set_index("ticker")
    assert set(held.index) == {"APL", "NV", "GOOG", "GOOGL", "MV", "MRVL"}
    assert (held.loc["MRVL", "cik"], held.loc["NV", "name"]) == (7, "mine")
    data = market.open(tmp_path / "store")
    assert fundamentals(data, "CIK320193", "2023-11-06").ticker == "APL"
    generation = store.manifest.generation
    sec.import_companyfacts(store, tmp_path)
    assert store.manifest.generation == generation


def test_a_security_without_a_cik_gets_it(tmp_path):
    store = market.Store.create(tmp_path)
    with store.writer() as writer:
        writer.replace("securities", pd.DataFrame({"ticker": ["AAPL"], "sector": ["Tech"]}), "mine")
    sec.import_companyfacts(store, RECORDED)
    held = store.frame("securities").set_index("ticker")
    assert (held.loc["AAPL", "cik"], held.loc["AAPL", "sector"]) == (320193, "Tech")


def test_a_damaged_file_is_reported_and_the_rest_taken(tmp_path):
    for path in RECORDED.glob("CIK*.json.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "CIK0001045810.json.gz").write_bytes(b"\x1f\x8bnonsense")
    (tmp_path / "CIK0000000005.json").write_text("{}")
    report = sec.import_companyfacts(tmp_path / "store", tmp_path)
    assert report.companies == 3
    assert {one["row"] for one in report.left_out} == {5, 1045810, 1997711}
    assert len(report.to_dict()["rejected"]) == 3


def test_the_sample_agrees_with_its_own_statements():
    data = market.open("sample")
    session = data.sessions[-300]
    apple = fundamentals(data, "AAPL", session)
    whole = data.statements.at(session)
    at = data.tickers.get_loc("AAPL")
    for item, value in {**apple.ttm, **apple.latest}.items():
        assert whole.item(item)[at] == value
    assert "revenue" in apple.ttm


def test_known_from_the_cut_market_too(filings):
    """A view at a session does not see what was filed after it, whatever the store holds."""
    rows = filings.rows("facts")
    sessions = pd.bdate_range("2015-01-01", "2024-12-31")
    tickers = pd.Index(sorted(rows["ticker"].unique()))
    early = rows[rows["filed"] < "2019-06-28"]
    for item in ("revenue", "cash_from_operations", "equity", "liabilities"):
        whole = Statements.build(rows, tickers, sessions).at("2019-06-28").item(item)
        np.testing.assert_array_equal(whole, Statements.build(early, tickers, sessions).at("2019-06-28").item(item))
