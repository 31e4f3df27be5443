"""A file of rows as it is: CSV as text (a ticker `NA`, `ON` or `TRUE` stays one), Parquet as typed columns.

What cannot be read says in which line and how to save the file instead: another encoding than UTF-8, semicolons between
the cells, lines of several lengths, a column that stands twice.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from pathlib import Path

import pandas as pd

from market.errors import DataError

FIRST_LINE_OF_CSV = 2  # line 1 holds the names
GZIP = 16 + zlib.MAX_WBITS  # zlib's word for a stream with gzip's header
_LENGTHS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


def read_rows(path: Path | str) -> tuple[pd.DataFrame, int]:
    """Rows of a CSV (`.csv`, `.csv.gz`, `.txt`) or Parquet file, with the number its first row is reported under.

    Raises `DataError` where the file is missing, is no such file, or is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: {'a directory, not a file' if path.is_dir() else 'no such file'}")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in suffixes or ".pq" in suffixes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            frame = pq.read_table(path).to_pandas()
        except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, OverflowError) as error:
            # A flipped byte surfaces anywhere between the footer and the names of the columns.
            raise DataError(f"{path}: not a readable Parquet file ({error})") from error
        _demand_one_of_each(path, list(map(str, frame.columns)))
        return frame, 1
    if not {".csv", ".txt", ".tsv"} & set(suffixes):
        raise DataError(f"{path}: expected a .csv or .parquet file")
    separator = "\t" if ".tsv" in suffixes else ","
    try:
        frame = pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            encoding="utf-8-sig",
            skipinitialspace=True,
            sep=separator,
        )
    except (ValueError, OSError, EOFError, zlib.error) as error:  # pandas' own parser errors are ValueErrors
        raise DataError(f"{path}: not a readable CSV file: {_why(path, error)}") from error
    names = _header(path, separator)
    if len(names) == 1 and ";" in names[0]:
        raise DataError(f"{path}: not a readable CSV file: {_SEMICOLONS}")
    _demand_one_of_each(path, names)
    return frame, FIRST_LINE_OF_CSV


_SEMICOLONS = "its cells are separated by semicolons; save it with commas, and with points in its decimals"


def _demand_one_of_each(path: Path, names: list[str]) -> None:
    """Two columns of one name (`close` and `Close`): nobody knows which is meant."""
    plain = [name.strip().lower() for name in names]
    twice = sorted({name for name in plain if name and plain.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column {', '.join(twice)} stands in it twice")


def _why(path: Path, error: Exception) -> str:
    """What is wrong with a CSV file, in the words of someone who has to mend it."""
    if isinstance(error, pd.errors.EmptyDataError):
        return "it is empty"
    if isinstance(error, UnicodeDecodeError):
        content = _bytes(path)
        try:
            content.decode("utf-8-sig")
        except UnicodeDecodeError as found:
            line = content.count(b"\n", 0, found.start) + 1
            return f"line {line} is not UTF-8; save the file as UTF-8"
    lengths = _LENGTHS.search(str(error))
    if lengths and path.suffix.lower() != ".gz":  # of a packed file that is also cut short the header cannot be had
        names = _header(path, ",")
        if len(names) == 1 and ";" in names[0]:
            return _SEMICOLONS
        return f"line {lengths[2]} has {lengths[3]} cells, the lines before it {lengths[1]}"
    return " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix.lower() != ".gz":
        return content
    unpacked = zlib.decompressobj(wbits=GZIP)
    return unpacked.decompress(content)  # of a file cut short, as much as there is


def _header(path: Path, separator: str) -> list[str]:
    """The names in the first line that is not blank, as they stand there."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = csv.reader(stream, delimiter=separator, skipinitialspace=True)
        return next((row for row in rows if any(cell.strip() for cell in row)), [])
