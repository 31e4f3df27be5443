"""What was known of a company on a day: from SEC files alone, from the sample, by ticker and by CIK."""

from __future__ import annotations

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
    with pytest.raises(DataError, match="no facts of 'KO'"):
        fundamentals(filings, "KO", "2023-11-06")


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
