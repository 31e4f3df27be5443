"""Rows that enter a store: tickers that look like words, dates in many spellings, and the reason of every refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.errors import DataError
from market.reading import read_rows
from market.tables import TABLES
from market.validation import canonical, check_rows

PRICES = TABLES["prices"]


def _checked(tmp_path: Path, text: str, table: str = "prices"):
    path = tmp_path / "file.csv"
    path.write_text(text, encoding="utf-8")
    rows, first = read_rows(path)
    return check_rows(rows, TABLES[table], first)


def test_tickers_that_look_like_words_survive(tmp_path: Path) -> None:
    names = ["ON", "NO", "TRUE", "NA", "NAN", "NULL", "Y", "NONE", "INF", "1E5"]
    text = "date,ticker,close\n" + "".join(f"2024-01-02,{name},{i + 1}\n" for i, name in enumerate(names))
    checked = _checked(tmp_path, text)
    assert not checked.rejections
    assert list(checked.frame["ticker"]) == sorted(names)


def test_share_classes_have_one_spelling(tmp_path: Path) -> None:
    text = "date,ticker,close\n2024-01-02,brk-b,1\n2024-01-03,BRK/B,2\n2024-01-04,BRK.B,3\n2024-01-04,^GSPC,4\n"
    assert sorted(set(_checked(tmp_path, text).frame["ticker"])) == ["BRK.B", "^GSPC"]


def test_every_refused_row_has_its_line_and_reason(tmp_path: Path) -> None:
    text = (
        "Date,Ticker,Close,Volume,note\n"  # line 1
        "2024-01-02,AAA,10,100,x\n"
        "2024-13-02,AAA,10,100,x\n"
        "2024-01-03,,10,100,x\n"
        "2024-01-03,AAA,-1,100,x\n"
        "2024-01-04,AAA,ten,100,x\n"
        "2024-01-05,AAA,10,-5,x\n"
        "2024-01-02,AAA,11,100,x\n"
        "2024-01-02,AAA,10,100,x\n"
        "2024-01-08,AAA,,100,x\n"
        "2024-01-09,AAA,inf,100,x\n"
    )
    checked = _checked(tmp_path, text)
    assert {r.row: r.reason for r in checked.rejections} == {
        3: "date: '2024-13-02' is not a date",
        4: "ticker is empty",
        5: "close: -1 must be above 0",
        6: "close: 'ten' is not a number",
        7: "volume: -5 must be at least 0",
        8: "same ticker, date as row 2, other values",
        10: "none of close, adj_close is given",
        11: "close: 'inf' is not a number",
    }
    assert str(checked.rejections[0]) == "prices row 3: date: '2024-13-02' is not a date"
    assert checked.repeats == 1  # line 9 says the same as line 2
    assert checked.unused_columns == ("note",)
    assert len(checked.frame) == 1


@pytest.mark.parametrize(
    "spelling",
    ["2024-03-28", "20240328", "2024-03-28 00:00:00", "2024-03-28T15:30:00", "2024-03-28T23:59:59Z", "2024-03-28 "],
)
def test_dates_become_midnights(tmp_path: Path, spelling: str) -> None:
    frame = _checked(tmp_path, f"date,ticker,close\n{spelling},A,1\n").frame
    assert frame["date"].dtype == "datetime64[ns]"
    assert frame["date"].iloc[0] == pd.Timestamp("2024-03-28")


def test_dates_of_other_dtypes() -> None:
    days = pd.Series(pd.to_datetime(["2024-03-28", "2024-04-01"]))
    for column in (
        days.astype("datetime64[us]"),
        days.astype("datetime64[s]"),
        days.dt.tz_localize("America/New_York"),
        pd.Series([d.date() for d in days], dtype=object),
        pd.Series([20240328, 20240401]),
    ):
        frame = pd.DataFrame({"date": column, "ticker": ["A", "A"], "close": [1.0, 2.0]})
        assert list(canonical(frame, PRICES)["date"]) == list(days)


def test_a_fact_known_after_the_close_counts_for_the_day_after() -> None:
    rows = pd.DataFrame(
        {
            "ticker": "A",
            "item": "assets",
            "period_end": "2023-12-31",
            "value": [1.0, 2.0],
            "known_at": ["2024-02-01 15:59", "2024-02-01 16:00"],
        }
    )
    frame = canonical(rows, TABLES["facts"]).sort_values("value")
    assert [d.date().isoformat() for d in frame["known_at"]] == ["2024-02-01", "2024-02-02"]


def test_facts_are_checked_for_items_and_order(tmp_path: Path) -> None:
    text = (
        "ticker,item,period_end,value,period_start,filed,cik\n"
        "A,revenue,2023-12-31,5,2023-01-01,2024-02-01,CIK0000320193\n"
        "A,revenu,2023-12-31,5,2023-01-01,2024-02-01,1\n"
        "A,revenue,2023-12-31,5,2024-01-01,2024-02-01,1\n"
        "A,assets,2023-12-31,5,,2023-02-01,1\n"
        "A,equity,2023-12-31,,,2024-02-01,1\n"
    )
    checked = _checked(tmp_path, text, "facts")
    assert checked.frame["cik"].tolist() == [320193]
    reasons = [r.reason for r in checked.rejections]
    assert reasons[0] == "item: revenu is none of the 40 known ones; did you mean 'revenue'?"
    assert reasons[1:] == ["period_end lies before period_start", "filed lies before period_end", "value is empty"]


def test_an_absent_required_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"prices: no column ticker; found date, close"):
        _checked(tmp_path, "date,close\n2024-01-02,1\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "not a readable CSV file: it is empty"),
        ("a.csv", b"ticker,name\nA,x\nB,Caf\xe9\n", "line 3 is not UTF-8; save the file as UTF-8"),
        ("a.csv", "ticker,name\nA,x\n".encode("utf-16"), "line 1 is not UTF-8"),
        ("a.csv", b"date;ticker;close\n2024-01-02;A;10\n", "separated by semicolons"),
        ("a.csv", b"date;ticker;close\n2024-01-02;A;10,5\n", "separated by semicolons"),
        (
            "a.csv",
            b"date,ticker,close\n2024-01-02,A,1\n2024-01-03,A,1,2\n",
            "line 3 has 4 cells, the lines before it 3",
        ),
        ("a.csv", b"date,ticker,close, Close\n2024-01-02,A,1,2\n", "column close stands in it twice"),
        ("a.csv.gz", b"no gzip", "not a readable CSV file"),
        ("a.parquet", b"PAR1", "not a readable Parquet"),
        ("a.xlsx", b"x", "expected a .csv or .parquet"),
    ],
)
def test_unreadable_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_rows(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        read_rows(tmp_path / "absent.csv")


@pytest.mark.parametrize(
    "symbol", ["../../etc/passwd", "A\\B", "A'B", "<img src=x>", "A B C", "A\x00B", "-A", "Ä", "A" * 41, "A;DROP"]
)
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    rows = pd.DataFrame({"date": ["2024-01-02"] * 2, "ticker": [symbol, "A"], "close": [1.0, 2.0]})
    checked = check_rows(rows, PRICES)
    assert list(checked.frame["ticker"]) == ["A"]
    (refused,) = checked.rejections
    assert (refused.table, refused.row) == ("prices", 1)
    assert refused.reason.startswith(("ticker: '", 'ticker: "'))
    assert refused.reason.endswith("is not a symbol")


@pytest.mark.parametrize("symbol", ["BRK.B", "^GSPC", "005930.KS", "BTC-USD", "ES=F", "ABC@2012-01-31", "RDS-AB"])
def test_symbols_of_other_places_pass(symbol: str) -> None:
    rows = pd.DataFrame({"date": ["2024-01-02"], "ticker": [symbol], "close": [1.0]})
    assert list(check_rows(rows, PRICES).frame["ticker"]) == [symbol]


def test_names_with_markup_are_kept_as_they_are() -> None:
    rows = pd.DataFrame({"ticker": ["A"], "name": ["<script>alert(1)</script>"]})
    assert canonical(rows, TABLES["securities"])["name"].iloc[0] == "<script>alert(1)</script>"


def test_truths_are_no_numbers() -> None:
    rows = pd.DataFrame({"date": ["2024-01-02"], "ticker": ["A"], "close": [True]})
    assert check_rows(rows, PRICES).rejections[0].reason == "close: True is not a number"


def test_csv_and_parquet_give_the_same_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-02", "2024-01-03"]), "ticker": ["NA", "B"], "close": [1.1, np.pi],
         "volume": [np.nan, 5.0]}
    )  # fmt: skip
    frame.to_csv(tmp_path / "p.csv", index=False)
    frame.to_parquet(tmp_path / "p.parquet")
    one, two = (canonical(read_rows(tmp_path / name)[0], PRICES) for name in ("p.csv", "p.parquet"))
    pd.testing.assert_frame_equal(one, two)
