"""A broker's public list of shortable stock (`usa.txt`): fee, rebate and availability on one day, by symbol.

The first line gives the day (`#BOF|2022.08.06|02:30:08`), the second the columns, the last the count of lines, which
must agree. Percent a year become decimals a year; `>10000000` is the broker's cap and becomes that number; lines in
another currency than USD, and lines without a fee, are left out. Symbols come as `BRK B`.
"""

from __future__ import annotations

import pandas as pd

from market.errors import DataError

COLUMNS = ("SYM", "CUR", "REBATERATE", "FEERATE", "AVAILABLE")


def knows(head: bytes) -> bool:
    """Whether a file begins as such a list."""
    return head.startswith(b"#BOF|")


def read(content: bytes, name: str) -> pd.DataFrame:
    """Rows of `borrow`. Raises `DataError` where the list is damaged or cut short."""
    lines = content.decode("utf-8", errors="replace").splitlines()
    try:
        day = pd.Timestamp(lines[0].split("|")[1].replace(".", "-"))
        fields = [field.strip("#").strip() for field in lines[1].split("|")]
        at = {column: fields.index(column) for column in COLUMNS}
    except (IndexError, ValueError) as error:
        raise DataError(f"{name}: not a list of shortable stock ({error})") from error
    body = [line for line in lines[2:] if line.strip() and not line.startswith("#")]
    ends = [line for line in lines[2:] if line.startswith("#EOF|")]
    if not ends or int(ends[0].split("|")[1] or -1) != len(body):
        raise DataError(f"{name}: cut short: {len(body)} lines, the end mark says {ends[0] if ends else 'nothing'}")
    rows = []
    for line in body:
        cells = line.split("|")
        if len(cells) < len(fields) - 1 or cells[at["CUR"]] != "USD":
            continue
        fee, rebate = _percent(cells[at["FEERATE"]]), _percent(cells[at["REBATERATE"]])
        available = pd.to_numeric(cells[at["AVAILABLE"]].lstrip(">").strip(), errors="coerce")
        if fee is not None:
            rows.append((day, cells[at["SYM"]].strip().upper().replace(" ", "."), fee, rebate, available))
    columns = ["date", "ticker", "fee_annual", "rebate_annual", "available_shares"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates("ticker", ignore_index=True)


def _percent(text: str) -> float | None:
    value = pd.to_numeric(text.strip(), errors="coerce")
    return None if pd.isna(value) else round(float(value) / 100.0, 8)
