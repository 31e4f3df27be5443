"""Daily factor returns from Kenneth French's data library: the zip as downloaded, or the CSV inside.

A few lines of prose, a header of factor names, then one line a day in percent (`19630701, -0.67, ...`), then prose or
annual figures. Percent become decimals; -99.99 and -999 mean missing. Factors keep the library's names.
"""

from __future__ import annotations

import io
import re
import zipfile

import pandas as pd

from market.errors import DataError

_DAY = re.compile(r"^\s*(\d{8})\s*,")
_HEADER = re.compile(r"^\s*,\s*[A-Za-z]")
MISSING = (-99.99, -999.0)


def knows(head: bytes) -> bool:
    """Whether a file begins as a zip, or as one of the library's texts."""
    return head.startswith(b"PK\x03\x04") or (b",Mkt-RF" in head or b"CRSP database" in head)


def read(content: bytes, name: str) -> pd.DataFrame:
    """Rows of `factors`: date, name, value. Raises `DataError` where the file is not the library's daily one."""
    rows: list[tuple[str, str, float]] = []
    names: list[str] = []
    for line in _text(content, name).splitlines():
        day = _DAY.match(line)
        if day and names:
            for factor, cell in zip(names, line.split(",")[1:], strict=False):
                value = pd.to_numeric(cell.strip(), errors="coerce")
                if not pd.isna(value) and float(value) not in MISSING:
                    rows.append((day[1], factor, round(float(value) / 100.0, 8)))
        elif _HEADER.match(line):
            names = [cell.strip() for cell in line.split(",")[1:] if cell.strip()]
    if not rows:
        raise DataError(f"{name}: no daily factor returns in it (monthly files do not serve)")
    frame = pd.DataFrame(rows, columns=["date", "name", "value"])
    frame["date"] = pd.to_datetime(frame["date"], format="%Y%m%d").astype("datetime64[ns]")
    return frame


def _text(content: bytes, name: str) -> str:
    if content.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inner = next(one for one in archive.namelist() if one.lower().endswith((".csv", ".txt")))
                content = archive.read(inner)
        except (zipfile.BadZipFile, StopIteration) as error:
            raise DataError(f"{name}: no factor file in this zip ({error})") from error
    return content.decode("latin-1")
