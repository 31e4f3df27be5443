"""Ways to damage a table, each drawn from a seeded generator: its values, its columns, or its bytes."""

from __future__ import annotations

import gzip
import io
import random

import pandas as pd

BAD_NUMBERS = (
    "", "-1", "0", "nan", "inf", "-inf", "1e308", "1e-308", "-0.0", "1,234.5", "$12", "12%", "１２", "١٢", "0x10",
    "abc", "1e999", "9" * 400, "1_000", " 5 ", "(5)", "true", "None", "1.7976931348623157e308",
)  # fmt: skip
BAD_DATES = (
    "", "2022-02-30", "0000-00-00", "9999-12-31", "1677-09-21", "2262-04-12", "31/12/2022", "2022-12-31T25:00", "44562",
    "tomorrow", "2022-12-31T00:00:00+14:00", "20220103", "2022-1-3", "-1", "12022-01-03", "2022-01-03 ",
)  # fmt: skip
BAD_TEXT = (
    "", " ", "<script>alert(1)</script>", "=1+1", "../../x", "a/b", "C00\x00", "с00", "Ｃ00", "c00", "C00 ", "\u202e",
    "x" * 70_000, "\x1b[31m", "NaN", "NULL", "None", "'\";--", "\n", "C00,C01", "🚀", "CON", "C01", "SPY", ".",
)  # fmt: skip
BAD_COLUMNS = (
    "",
    "Date",
    "date ",
    "klose",
    "ticker",
    "close",
    "\ufeffdate",
    "x" * 500,
    "<b>",
    "index",
    "__null_dask_index__",
)


def spoilt_frame(rng: random.Random, frame: pd.DataFrame) -> pd.DataFrame:
    """A copy with one to three faults in its values or columns; every cell is text, as in a CSV file."""
    spoilt = frame.astype(object).where(frame.notna(), "").astype(str)
    spoilt = spoilt.replace({"NaT": "", "nan": "", "None": ""})
    for _ in range(rng.choice((1, 1, 2, 3))):
        columns = list(spoilt.columns)
        if not columns or spoilt.empty:
            break
        at = rng.randrange(len(columns))
        kind = rng.choice(
            ("cells", "cells", "cells", "column", "rows", "repeat", "name", "drop", "shuffle", "swap", "scale")
        )
        rows = [rng.randrange(len(spoilt)) for _ in range(rng.choice((1, 3, 40, len(spoilt))))]
        bad = rng.choice(rng.choice((BAD_NUMBERS, BAD_DATES, BAD_TEXT)))
        if kind == "cells":
            spoilt.iloc[rows, at] = bad
        elif kind == "column":
            spoilt.isetitem(at, bad)
        elif kind == "rows":
            spoilt = spoilt.iloc[sorted(rows)[: rng.choice((0, 1, 5, len(rows)))]]
        elif kind == "repeat":
            spoilt = pd.concat([spoilt, spoilt.iloc[rows]])
        elif kind == "name":
            spoilt.columns = pd.Index([*columns[:at], rng.choice(BAD_COLUMNS), *columns[at + 1 :]])
        elif kind == "drop":
            spoilt = spoilt.iloc[:, [i for i in range(len(columns)) if i != at]]
        elif kind == "shuffle":
            spoilt = spoilt.sample(frac=1.0, random_state=rng.randrange(2**31))
        elif kind == "swap":
            other = rng.randrange(len(columns))
            order = list(range(len(columns)))
            order[at], order[other] = other, at
            spoilt = spoilt.iloc[:, order].set_axis(columns, axis=1)
        elif kind == "scale":
            numbers = pd.to_numeric(spoilt.iloc[rows, at], errors="coerce") * rng.choice((-1, 0, 1e-6, 1e6, 1e300))
            spoilt.iloc[rows, at] = numbers.astype(str).to_numpy()
    return spoilt


def spoilt_table(rng: random.Random, frame: pd.DataFrame) -> tuple[str, bytes]:
    """The ending and the bytes of a damaged table file, CSV or Parquet."""
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        kept = spoilt_frame(rng, frame) if rng.random() < 0.5 else frame
        kept = kept.loc[:, ~kept.columns.duplicated()].reset_index(drop=True)
        kept.to_parquet(buffer)
        return ".parquet", spoilt_bytes(rng, buffer.getvalue()) if rng.random() < 0.6 else buffer.getvalue()
    text = spoilt_frame(rng, frame).to_csv(index=False)
    content = text.encode(rng.choice((*["utf-8"] * 8, "utf-8-sig", "utf-16", "latin-1")), errors="replace")
    if rng.random() < 0.15:
        content = spoilt_bytes(rng, content)
    if rng.random() < 0.08:
        packed = gzip.compress(content, mtime=0)
        return ".csv.gz", spoilt_bytes(rng, packed) if rng.random() < 0.6 else packed
    return rng.choice((*[".csv"] * 12, ".csv.gz", ".parquet", ".txt")), content


def spoilt_bytes(rng: random.Random, content: bytes) -> bytes:
    """A file cut short, with bits flipped, with pieces doubled, or with something else in the middle."""
    if not content:
        return b"\x00"
    at = rng.randrange(len(content))
    kind = rng.randrange(6)
    if kind == 0:
        return content[:at]
    if kind == 1:
        changed = bytearray(content)
        for _ in range(rng.choice((1, 4, 40))):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if kind == 2:
        return content[:at] + content[max(0, at - 50) :]
    if kind == 3:
        return (
            content[:at]
            + rng.choice((b"\x00" * 9, b'"', b"\r", b",,,,,,,,,,,,,", b"\xff\xfe", b"\n\n\n"))
            + content[at:]
        )
    if kind == 4:
        return rng.choice((b"", b"\n", b"a,b\n1,2,3\n", b"PAR1PAR1", b"<html></html>", b'{"a": 1}', b"\x1f\x8b\x08"))
    return content[:4] + content[at:]
