"""Rows of a sweep as tables: one schema for every part, whatever happened in it, and the ranked table at the end.

1. A row is a variant: its number, its unit, the varied values, status, figures, reason, and daily returns.
2. A part is the Parquet bytes of one unit's rows: the same rows give the same bytes.
3. The table holds all rows, ranked; those that failed or were ruined stand last, without a rank.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from backtest.sweep_spec import Axis, SweepSpec, values_of
from market.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from backtest.broadcast import Floats
    from backtest.sweep_grid import Values
    from market import Market

BENCHMARK_UNIT: Final = -1
"""Not a unit of the grid: the book alone and the benchmark hedge, variants -1 and -2."""
BOOK, BENCHMARK = -1, -2
DONE, FAILED, RUINED = "done", "failed", "ruined"
FIGURES: Final = (
    "cagr", "volatility", "sharpe", "max_drawdown", "cvar_95", "beta_to_market", "variance_removed", "cost_bps",
    "over_benchmark", "ratio_mean", "traded_per_year",
)  # fmt: skip
LOWEST_FIRST: Final = ("volatility",)
FINGERPRINT: Final = b"hedgebasket.sweep"
SPAN: Final = b"hedgebasket.span"


@dataclass(frozen=True)
class Row:
    """What became of a variant: its figures, and simple daily returns of its account and of its benchmark hedge's.

    Where it is not `done`, the reason stands in their place.
    """

    status: str
    reason: str
    figures: dict[str, float] = field(default_factory=dict)
    returns: Floats | None = None
    rival: Floats | None = None


def schema_of(spec: SweepSpec) -> pa.Schema:
    """Columns of a part."""
    return pa.schema(
        [
            ("variant", pa.int64()),
            ("unit", pa.int64()),
            *((path, _type_of(axis)) for path, axis in spec.vary.items()),
            ("status", pa.string()),
            *((name, pa.float64()) for name in FIGURES),
            ("reason", pa.string()),
            ("returns", pa.list_(pa.float32())),
            ("rival", pa.list_(pa.float32())),
        ]
    )


def packed(
    spec: SweepSpec,
    variants: Sequence[Values],
    unit: int,
    numbers: Sequence[int],
    rows: Sequence[Row],
    fingerprint: str,
    sessions: pd.DatetimeIndex,
) -> bytes:
    """One unit's rows as Parquet bytes, to travel and to be kept."""
    span = f"{sessions[0].date()} {sessions[-1].date()}"
    schema = schema_of(spec).with_metadata({FINGERPRINT: fingerprint.encode(), SPAN: span.encode()})
    columns: dict[str, list[object]] = {
        "variant": list(numbers),
        "unit": [unit] * len(rows),
        "status": [row.status for row in rows],
        "reason": [row.reason for row in rows],
        "returns": [_single(row.returns) for row in rows],
        "rival": [_single(row.rival) for row in rows],
    }
    for path in spec.vary:
        kind = schema.field(path).type
        columns[path] = [_cell(variants[n][path], kind) if n >= 0 else None for n in numbers]
    for name in FIGURES:
        columns[name] = [row.figures.get(name) for row in rows]
    arrays = [pa.array(columns[f.name], type=f.type) for f in schema]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), sink, compression="zstd", store_schema=True)
    return sink.getvalue()


def unpacked(part: bytes, fingerprint: str) -> pa.Table:
    """The rows of a part. Raises `DataError` where it is broken, or belongs to another sweep."""
    try:
        table = pq.read_table(io.BytesIO(part))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"a part of the sweep cannot be read ({error})") from None
    if (table.schema.metadata or {}).get(FINGERPRINT) != fingerprint.encode():
        raise DataError("a part of the sweep belongs to another sweep")
    return table


def sessions_of(part: pa.Table, data: Market) -> pd.DatetimeIndex:
    """The sessions of a part's returns: those of the accounts but the first."""
    first, last = (part.schema.metadata or {})[SPAN].decode().split()
    return data.sessions[(data.sessions > first) & (data.sessions <= last)]


def ranked(spec: SweepSpec, rows: pd.DataFrame) -> pd.DataFrame:
    """All variants with their `rank` by the sweep's figure, best first; without a figure last, in order of the grid."""
    ascending = spec.rank_by in LOWEST_FIRST
    order = rows.sort_values([spec.rank_by, "variant"], ascending=[ascending, True], na_position="last", kind="stable")
    order = order.reset_index(drop=True)
    place = order.index.to_series() + 1
    order.insert(0, "rank", place.where(order[spec.rank_by].notna()).astype("Int64"))
    return order


def written(value: object) -> object:
    """A value as a table shows it: lists and empty ones become text."""
    return value if isinstance(value, bool | int | float | str) else ("null" if value is None else _text(value))


def _single(returns: Floats | None) -> object:
    return None if returns is None else returns.astype(np.float32)


def _text(value: object) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple | list) else str(value)


def _type_of(axis: Axis) -> pa.DataType:
    values = values_of(axis)
    if all(isinstance(value, bool) for value in values):
        return pa.bool_()
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return pa.string()
    return pa.int64() if all(isinstance(value, int) for value in values) else pa.float64()


def _cell(value: object, kind: pa.DataType) -> object:
    if pa.types.is_string(kind):
        shown = written(value)
        return shown if isinstance(shown, str) else str(shown).lower() if isinstance(shown, bool) else str(shown)
    return float(value) if pa.types.is_float64(kind) and isinstance(value, int | float) else value
