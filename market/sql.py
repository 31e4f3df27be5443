"""The SQL that reads and merges tables in canonical types, and the frames that come of it.

A date is a DATE, a text VARCHAR, a number DOUBLE (decimals of a file included), an integer BIGINT; a column that a file
lacks is NULL. Nulls are equal to nulls in a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import pandas as pd
import pyarrow as pa

from market.tables import Table

_SQL_TYPES = {"date": "DATE", "text": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT"}


def select_list(schema: Table, wanted: Sequence[str], held: Sequence[str]) -> str:
    """SELECT list of the wanted columns in canonical types; those the file lacks are nulls."""
    kinds = {name: _SQL_TYPES[schema.column(name).kind] for name in wanted}
    return ", ".join(
        f'CAST({_named(name) if name in held else "NULL"} AS {kind}) AS "{name}"' for name, kind in kinds.items()
    )


def _named(name: str) -> str:
    return f'"{name}"'


def agreement(schema: Table, on: Sequence[str], held: Sequence[str]) -> str:
    """Join condition under which a held and a given row have equal columns, nulls equal to nulls."""
    return " AND ".join(
        f"{f'CAST(held.{_named(name)} AS {_SQL_TYPES[schema.column(name).kind]})' if name in held else 'NULL'} "
        f'IS NOT DISTINCT FROM given."{name}"'
        for name in on
    )


def frame_of(answer: pa.Table, schema: Table) -> pd.DataFrame:
    """An answer as a DataFrame: `datetime64[ns]` days, `float64`, `Int64`, `str`; missing is missing."""
    frame = answer.to_pandas(date_as_object=False)
    for name in map(str, frame.columns):
        kind = schema.column(name).kind
        if kind == "date":
            frame[name] = frame[name].astype("datetime64[ns]")
        elif kind == "integer":
            frame[name] = pd.array(answer[name].to_pandas(integer_object_nulls=True), dtype="Int64")
        elif kind == "text":
            frame[name] = frame[name].astype("str")
    return frame


def summary(path: Path, schema: Table) -> Summary:
    """Rows, names, span and filled columns of a Parquet file, without loading it."""
    import duckdb
    import pyarrow.parquet as pq

    columns = tuple(pq.read_schema(path).names)
    quoted = str(path).replace("'", "''")
    names = "count(DISTINCT ticker)" if "ticker" in columns else "0"
    dated = f'"{schema.dated_by}"' if schema.dated_by in columns else "NULL::DATE"
    with duckdb.connect() as connection:
        row = connection.execute(
            f"SELECT count(*), {names}, min({dated})::VARCHAR, max({dated})::VARCHAR FROM read_parquet('{quoted}')"
        ).fetchone()
    rows, tickers, start, end = row or (0, 0, None, None)
    return {"rows": rows, "tickers": tickers, "start": start, "end": end, "columns": columns}


class Summary(TypedDict):
    """What can be said of a file by counting."""

    rows: int
    tickers: int
    start: str | None
    end: str | None
    columns: tuple[str, ...]
