"""Your own tables: counts in, rows refused with reasons, twice is once, and a bare directory opens as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import market
from market.errors import DataError
from market.sources.files import import_tables
from market.status import status
from market.store import Store

PRICES = "date,ticker,close,volume\n2024-01-02,NA,10,5\n2024-01-03,NA,11,6\n2024-01-03,ON,x,1\n"
FACTS = (
    "ticker,item,period_end,value,filed\n"
    "NA,assets,2023-12-31,100,2024-02-01\nNA,equity,2023-12-31,50,\nNA,equty,2023-12-31,5,2024-02-01\n"
)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {"prices": tmp_path / "p.csv", "facts": tmp_path / "f.csv"}
    paths["prices"].write_text(PRICES)
    paths["facts"].write_text(FACTS)
    return paths


def test_counts_and_reasons(tmp_path: Path, files: dict[str, Path]) -> None:
    report = import_tables(tmp_path / "store", files)
    prices = report.tables["prices"]
    assert (prices.rows_read, prices.rows_taken, prices.repeats) == (3, 2, 0)
    assert str(report.rejected[0]) == "prices row 4: close: 'x' is not a number"
    assert report.rejected[1].reason.startswith("item: equty is none of ")
    assert report.tables["facts"].notes == ("1 facts have neither filed nor known_at: the assumed lag applies to them",)
    assert json.loads(json.dumps(report.to_dict()))["tables"]["facts"]["rejected"][0]["row"] == 4
    data = market.open(tmp_path / "store")
    assert list(data.tickers) == ["NA"]
    assert status(data)["tables"]["prices"] == {
        "rows": 2, "tickers": 1, "start": "2024-01-02", "end": "2024-01-03", "source": "file p.csv",
    }  # fmt: skip


def test_importing_twice_changes_nothing_and_new_rows_win(tmp_path: Path, files: dict[str, Path]) -> None:
    import_tables(tmp_path / "store", files)
    before = Store(tmp_path / "store").fingerprint
    import_tables(tmp_path / "store", files)
    assert Store(tmp_path / "store").fingerprint == before
    files["prices"].write_text("date,ticker,close\n2024-01-03,NA,12\n2024-01-04,NA,13\n")
    import_tables(tmp_path / "store", {"prices": files["prices"]})
    assert sorted(Store(tmp_path / "store").frame("prices")["close"]) == [10.0, 12.0, 13.0]
    import_tables(tmp_path / "store", {"prices": files["prices"]}, mode="replace")
    assert sorted(Store(tmp_path / "store").frame("prices")["close"]) == [12.0, 13.0]


def test_nothing_is_written_where_one_file_is_bad(tmp_path: Path, files: dict[str, Path]) -> None:
    files["facts"].write_text("ticker,item,value\nA,assets,1\n")
    with pytest.raises(DataError, match="facts: no column period_end"):
        import_tables(tmp_path / "store", files)
    files["facts"].write_text("ticker,item,period_end,value\nA,assets,never,1\n")
    with pytest.raises(DataError, match="no usable row for facts: facts row 2: period_end: 'never' is not a date"):
        import_tables(tmp_path / "store", files)
    with pytest.raises(DataError, match="no table is called 'pricez'"):
        import_tables(tmp_path / "store", {"pricez": files["prices"]})
    assert not (tmp_path / "store").exists()


def test_a_damaged_file_leaves_the_store_untouched(tmp_path: Path, files: dict[str, Path]) -> None:
    import_tables(tmp_path / "store", files)
    before = (tmp_path / "store" / "manifest.json").read_bytes()
    bad = tmp_path / "bad.csv"
    for content in (
        b"",
        b"date;ticker;close\n",
        b"ticker,close\nA,1\n",
        b"date,ticker,close\n2024-01-02,../A,1\n",
        b"\xff",
    ):
        bad.write_bytes(content)
        with pytest.raises(DataError, match="prices") as caught:
            import_tables(tmp_path / "store", {"prices": bad})
        assert "bad.csv" in str(caught.value)
        assert (tmp_path / "store" / "manifest.json").read_bytes() == before


def test_flows_without_a_beginning_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "ticker,item,period_end,value,filed,period_start\nA,revenue,2023-12-31,5,2024-02-01,\n"
        "A,net_income,2023-12-31,5,2024-02-01,2023-01-01\nA,assets,2023-12-31,5,2024-02-01,\n"
    )
    report = import_tables(tmp_path / "store", {"facts": path})
    assert report.tables["facts"].notes == ("1 flows have no period_start: no figure can use them",)


def test_short_interest_without_publication_dates(tmp_path: Path) -> None:
    path = tmp_path / "si.csv"
    path.write_text("ticker,settlement_date,short_percent_of_float\nA,2026-05-15,1.9549\n")
    report = import_tables(tmp_path / "store", {"short_interest": path})
    assert report.tables["short_interest"].notes == ("no published_date: assumed 8 sessions after settlement",)
    # 18, 19, 20, 21, 22 May; the 25th is Memorial Day; 26, 27, 28.
    assert Store(tmp_path / "store").frame("short_interest")["published_date"].iloc[0] == pd.Timestamp("2026-05-28")


def test_a_directory_of_tables_opens_unchanged(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(PRICES)
    (tmp_path / "members.csv").write_text("index,ticker,start,end\nmine,NA,2020-01-01,\n")
    data = market.open(tmp_path)
    assert data.coverage("mine", "2024-01-03") == (1, 1)
    assert "prices: 1 of 3 rows left out (prices row 4: close: 'x' is not a number)" in data.notes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["members.csv", "prices.csv"]
    assert data.fingerprint == market.open(tmp_path).fingerprint
    (tmp_path / "prices.csv").unlink()
    with pytest.raises(DataError, match=r"no store there \(no manifest.json\) and no prices.csv"):
        market.open(tmp_path)
    with pytest.raises(DataError, match="no store there"):
        market.open(tmp_path / "absent")


def test_status_counts_days_behind_and_finds_gaps(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(
        "date,ticker,close\n2024-01-02,A,1\n2024-01-04,A,1\n2024-01-05,A,1\n2024-01-02,B,1\n2024-01-05,B,1\n"
    )
    told = status(tmp_path, today="2024-01-16")
    assert set(told) == {"store", "tables", "fingerprint", "freshness", "gaps", "notes"}
    assert told["freshness"] == {"prices": 11}
    assert told["gaps"] == {"sessions_without_prices": ["2024-01-03"], "tickers_with_holes": {"B": 2, "A": 1}}
    assert told["store"] == str(tmp_path)
    assert set(status("sample")["tables"]["facts"]) == {"rows", "tickers", "start", "end", "source"}
