"""How a table becomes a Parquet file: rows in key order, so that neighbours resemble each other and compress well.

1. Days are delta-coded, texts dictionary-coded, numbers split by byte; the whole is compressed with zstd.
2. A column named in `decimals` is stored as an exact DECIMAL of so many places (a close in cents is an integer).
3. A column without a single value is left out: absent and empty are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market.tables import Column, Table

ROWS_PER_GROUP = 1 << 18  # DuckDB skips whole groups by their statistics and reads groups in parallel
ARROW = {"date": pa.date32(), "text": pa.string(), "number": pa.float64(), "integer": pa.int64()}
DECIMAL_DIGITS = 9  # the most that a 32-bit integer holds


def write_parquet(
    rows: pd.DataFrame,
    schema: Table,
    path: Path,
    decimals: Mapping[str, int] | None = None,
    level: int = 3,
    rows_per_group: int = ROWS_PER_GROUP,
) -> None:
    """Write canonical rows to `path`; `decimals` maps a number column to its places."""
    decimals = decimals or {}
    rows = rows.sort_values([name for name in schema.key if name in rows.columns], kind="stable")
    names: list[str] = []
    arrays: list[pa.Array] = []
    encodings: dict[str, str] = {}
    dictionaries: list[str] = []
    for column in schema.columns:
        name = column.name
        if name not in rows.columns or not (column.required or rows[name].notna().any()):
            continue
        array = _array(rows[name], column, decimals.get(name))
        names.append(name)
        arrays.append(array)
        if column.kind == "date":
            encodings[name] = "DELTA_BINARY_PACKED"
        elif column.kind == "text" or _repeats(rows[name]):
            dictionaries.append(name)
        else:
            encodings[name] = "BYTE_STREAM_SPLIT"
    with path.open("wb") as stream:
        pq.write_table(
            pa.Table.from_arrays(arrays, names),
            stream,
            compression="zstd",
            compression_level=level,
            use_dictionary=dictionaries,
            column_encoding=encodings,
            store_decimal_as_integer=True,
            row_group_size=rows_per_group,
        )


def arrow_of(rows: pd.DataFrame, schema: Table) -> pa.Table:
    """Canonical rows as Arrow, in the schema's columns (those absent as nulls) and types."""
    arrays = [
        _array(rows[column.name], column) if column.name in rows.columns else pa.nulls(len(rows), ARROW[column.kind])
        for column in schema.columns
    ]
    return pa.Table.from_arrays(arrays, list(schema.column_names))


def _repeats(column: pd.Series) -> bool:
    """Few distinct numbers for their count: a dictionary is smaller than the numbers."""
    return column.nunique() * 8 < len(column)


def _array(values: pd.Series, column: Column, places: int | None = None) -> pa.Array:
    if column.kind == "date":
        return pa.array(values.to_numpy().astype("datetime64[D]"))
    if column.kind == "text":
        return pa.array(values.astype(object).where(values.notna(), None), pa.string())
    missing = values.isna().to_numpy()
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if column.kind == "integer" or places == 0:
        return pa.array(np.where(missing, 0, np.round(numbers)).astype(np.int64), pa.int64(), mask=missing)
    if places is None:
        return pa.array(numbers, pa.float64(), mask=missing)
    return _decimal(numbers, missing, places)


def _decimal(numbers: np.ndarray, missing: np.ndarray, places: int) -> pa.Array:
    """Exact DECIMAL(9, places) or, where the numbers are larger, DECIMAL(18, places)."""
    scaled = np.round(np.where(missing, 0.0, numbers) * 10**places).astype(np.int64)
    digits = DECIMAL_DIGITS if np.abs(scaled).max(initial=0) < 10**DECIMAL_DIGITS else 18
    words = np.stack([scaled, np.where(scaled < 0, -1, 0)], axis=1)
    filled = pa.array(~missing).buffers()[1]
    return pa.Array.from_buffers(pa.decimal128(digits, places), len(scaled), [filled, pa.py_buffer(words.tobytes())])
