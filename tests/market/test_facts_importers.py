"""Other people's files: rates, shortable stock, short interest, factors. Each good, cut short, and of another kind."""

from __future__ import annotations

import io
import zipfile

import pandas as pd
import pytest

from market.errors import DataError
from market.sources.files import import_tables
from market.sources.importers import recognised
from market.store import Store

FED_CSV = b"""Effective Date,Rate Type,Rate (%),1st Percentile (%),Volume ($Billions)
01/03/2024,EFFR,5.33,5.31,90
01/03/2024,SOFR,5.39,5.32,1811
01/03/2024,OBFR,5.32,5.31,240
01/02/2024,EFFR,5.33,5.31,88
01/02/2024,SOFR,5.40,5.32,1820
"""
FED_JSON = b"""{"refRates": [
 {"effectiveDate": "2024-01-03", "type": "EFFR", "percentRate": 5.33, "volumeInBillions": 90},
 {"effectiveDate": "2024-01-02", "type": "EFFR", "percentRate": 5.33}, {"effectiveDate": "2024-01-01", "type": "EFFR"}
]}"""
SHORTSTOCK = b"""#BOF|2022.08.06|02:30:08
#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|
AAPL|USD|APPLE INC|265598|XXXXXXX31005|2.0700|0.2500|>10000000|
BRK B|USD|BERKSHIRE HATHAWAY INC-CL B|72063691|XXXXXXX70702|2.0709|0.2491|3400000|
GME|USD|GAMESTOP CORP-CLASS A|36285627|XXXXXXX1109|-17.7800|20.1000|85000|
NOFEE|USD|NO FEE|1|X|NA|NA|0|
SHOP|CAD|SHOPIFY|2|X|1.0|0.5|100|
#EOF|5
"""
FINRA = b"""accountingYearMonthNumber|symbolCode|issueName|currentShortPositionQuantity|settlementDate
20240115|AAPL|Apple Inc.|105000000|2024-01-12
20240115|BRK B|Berkshire|7000000|2024-01-12
20240115|AAPL|Apple Inc.|105000001|2024-01-12
"""
FRENCH = """This file was created by CMPT_ME_BEME_OP_INV_RETS_DAILY using the 202401 CRSP database.
The 1-month TBill return is from Ibbotson and Associates.

,Mkt-RF,SMB,HML,RMW,CMA,RF
20200311,   -4.95,   -1.13,    1.74,    0.11,    0.19,   0.006
20200312,   -9.63,   -1.46,   -1.05,   -1.18,  -99.99,   0.006

Copyright Kenneth R. French
"""


def put(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "content"), [("rates.csv", FED_CSV), ("rates.json", FED_JSON)])
def test_new_york_fed(tmp_path, name, content):
    rows = recognised("rates", put(tmp_path, name, content))
    values = {(row.name, str(row.date.date())): row.value for row in rows.itertuples(index=False)}
    assert values["fed_funds", "2024-01-03"] == pytest.approx(0.0533)
    assert {name for name, _ in values} <= {"fed_funds", "sofr"}
    assert len(values) == (4 if name.endswith("csv") else 2)


def test_a_brokers_list(tmp_path):
    rows = recognised("borrow", put(tmp_path, "usa.txt", SHORTSTOCK)).set_index("ticker")
    assert list(rows.index) == ["AAPL", "BRK.B", "GME"]
    assert set(rows["date"]) == {pd.Timestamp("2022-08-06")}
    assert rows.loc["AAPL"].tolist()[1:] == [0.0025, 0.0207, 10_000_000]
    assert rows.loc["GME", "rebate_annual"] == -0.1778
    with pytest.raises(DataError, match="cut short"):
        recognised("borrow", put(tmp_path, "usa.txt", SHORTSTOCK[: SHORTSTOCK.index(b"GME")]))
    with pytest.raises(DataError, match="cut short"):
        recognised("borrow", put(tmp_path, "usa.txt", SHORTSTOCK.replace(b"#EOF|5", b"#EOF|6")))
    with pytest.raises(DataError, match="not a list"):
        recognised("borrow", put(tmp_path, "usa.txt", b"#BOF|yesterday|1\n#SYM|\n"))


def test_finra_is_known_eight_sessions_after_settlement(tmp_path):
    rows = recognised("short_interest", put(tmp_path, "shrt20240112.csv", FINRA)).set_index("ticker")
    assert rows.loc["AAPL", "shares_short"] == 105_000_001  # the revision
    assert rows.loc["BRK.B", "settlement_date"] == pd.Timestamp("2024-01-12")
    assert rows.loc["AAPL", "published_date"] == pd.Timestamp("2024-01-25")  # Martin Luther King Day between
    with pytest.raises(DataError, match="FINRA"):
        recognised("short_interest", put(tmp_path, "x.csv", FINRA.replace(b"2024-01-12", b"soon")))


def test_kenneth_french_text_and_zip(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("F-F_Research_Data_5_Factors_2x3_daily.csv", FRENCH)
    for name, content in (("ff.csv", FRENCH.encode()), ("ff.zip", buffer.getvalue())):
        rows = recognised("factors", put(tmp_path, name, content)).set_index(["name", "date"])["value"]
        assert rows["Mkt-RF", pd.Timestamp("2020-03-12")] == pytest.approx(-0.0963)
        assert ("CMA", pd.Timestamp("2020-03-12")) not in rows.index
        assert len(rows) == 11
    with pytest.raises(DataError, match="monthly files do not serve"):
        recognised(
            "factors",
            put(tmp_path, "m.csv", FRENCH.replace("202003", "2020").encode()),
        )
    with pytest.raises(DataError, match="no factor file"):
        recognised("factors", put(tmp_path, "x.zip", b"PK\x03\x04nonsense"))


def test_our_own_files_are_left_alone(tmp_path):
    assert recognised("rates", put(tmp_path, "own.csv", b"date,name,value\n2024-01-02,fed_funds,0.05\n")) is None
    assert recognised("prices", put(tmp_path, "own.csv", b"x")) is None
    assert recognised("rates", tmp_path / "absent.csv") is None


def test_they_are_imported_like_our_own(tmp_path):
    files = {
        "rates": put(tmp_path, "rates.csv", FED_CSV),
        "borrow": put(tmp_path, "usa.txt", SHORTSTOCK),
        "short_interest": put(tmp_path, "shrt.csv", FINRA),
        "factors": put(tmp_path, "ff.csv", FRENCH.encode()),
    }
    report = import_tables(tmp_path / "store", files)
    assert not report.rejected
    store = Store(tmp_path / "store")
    assert {name: store.entry(name).rows for name in files} == {
        "rates": 4, "borrow": 3, "short_interest": 2, "factors": 11,
    }  # fmt: skip
