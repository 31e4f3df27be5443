"""Reference rates of the Federal Reserve Bank of New York: its JSON answers and its CSV downloads.

`EFFR` becomes `fed_funds`, `SOFR` becomes `sofr`; other rates are left out. Percent a year become decimals a year. The
date is the day the rate is for; it is published the morning after.
"""

from __future__ import annotations

import io

import msgspec
import pandas as pd

from market.errors import DataError

NAMES = {"EFFR": "fed_funds", "SOFR": "sofr"}
API = "https://markets.newyorkfed.org"
PATHS = {"fed_funds": "/api/rates/unsecured/effr/search.json", "sofr": "/api/rates/secured/sofr/search.json"}


class _Rate(msgspec.Struct):
    effectiveDate: str
    type: str
    percentRate: float | None = None


class _Answer(msgspec.Struct):
    refRates: list[_Rate]


def knows(head: bytes) -> bool:
    """Whether a file begins as one of the bank's."""
    return b'"refRates"' in head or (b"Effective Date" in head and b"Rate Type" in head)


def read(content: bytes, name: str) -> pd.DataFrame:
    """Rows of `rates`: date, name, value. Raises `DataError` where the file is damaged."""
    try:
        if b'"refRates"' in content[:4096]:
            rates = msgspec.json.decode(content, type=_Answer).refRates
            rows = [(rate.effectiveDate, rate.type, rate.percentRate) for rate in rates]
        else:
            table = pd.read_csv(io.BytesIO(content))
            percent = next(column for column in table.columns if column.strip() == "Rate (%)")
            rows = list(zip(table["Effective Date"], table["Rate Type"], table[percent], strict=True))
        frame = pd.DataFrame(rows, columns=["date", "name", "value"])
        frame["date"] = pd.to_datetime(frame["date"], format="mixed").astype("datetime64[ns]")
        frame["value"] = pd.to_numeric(frame["value"]) / 100.0
    except (ValueError, KeyError, StopIteration) as error:
        raise DataError(f"{name}: not a reference rate file of the New York Fed ({error})") from error
    frame["name"] = frame["name"].str.strip().map(NAMES)
    frame = frame.dropna().sort_values(["name", "date"]).drop_duplicates(["name", "date"], keep="last")
    if frame.empty:
        raise DataError(f"{name}: neither EFFR nor SOFR in it")
    return frame.reset_index(drop=True)
