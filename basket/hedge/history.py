"""The returns an estimator is handed: one index, no NaN, nothing after the last session.

1. Series are joined on the sessions they share; plain arrays must have one length.
2. A session on which any of the inputs is NaN is dropped, for all of them; the number dropped is reported. NaN is
   never zero. An infinite return is a data error.
3. Too few sessions left, or a hedge that does not move, and the estimator refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.hedge.result import DegenerateHedgeError, Diagnostic, HedgeRatio, ShortHistoryError
from market.errors import DataError

Array = npt.NDArray[np.float64]
Returns = pd.Series | npt.ArrayLike
"""Simple returns per session, shape (n_sessions,)."""
ReturnsTable = pd.DataFrame | npt.ArrayLike
"""Simple returns per session, shape (n_sessions, n_series)."""

STILL = 1e-10  # a standard deviation below this share of the largest return is rounding, not movement


@dataclass(frozen=True)
class History:
    """Aligned returns: `book` and `hedge` of shape (n_sessions,), `others` (n_sessions,) or (n_sessions, n_series)."""

    book: Array
    hedge: Array
    others: Mapping[str, Array]
    names: Mapping[str, tuple[str, ...]]
    sessions: pd.Index | None
    n_dropped: int

    @property
    def n_sessions(self) -> int:
        return len(self.book)

    def result(self, value: float, stderr: float, warning: str = "", **diagnostics: Diagnostic) -> HedgeRatio:
        """A `HedgeRatio` on this history; refuses a value that is not finite."""
        if not np.isfinite(value):
            raise DegenerateHedgeError("the returns do not determine a hedge ratio")
        start = self.sessions[0] if self.sessions is not None else None
        end = self.sessions[-1] if self.sessions is not None else None
        shown: dict[str, Diagnostic] = {"n_dropped": self.n_dropped, "warning": warning, **diagnostics}
        return HedgeRatio(float(value), float(stderr), self.n_sessions, start, end, shown)


def history(
    long_returns: Returns,
    hedge_returns: Returns,
    least: int = 3,
    moves: bool = True,
    **others: Returns | ReturnsTable,
) -> History:
    """Align the inputs of an estimator under the policy above.

    least   fewest sessions the estimator can live with
    moves   refuse a hedge whose returns are constant
    others  further series or tables of returns by name

    Raises `DataError` on returns that cannot be aligned, `ShortHistoryError`, `DegenerateHedgeError`.
    """
    given: dict[str, Returns | ReturnsTable] = {"long_returns": long_returns, "hedge_returns": hedge_returns, **others}
    tables, sessions = _joined(given)
    stacked = np.column_stack(list(tables.values()))
    if np.isinf(stacked).any():
        bad = [name for name, table in tables.items() if np.isinf(table).any()]
        raise DataError(f"{', '.join(bad)}: an infinite return; a price of zero upstream?")
    known = np.asarray(~np.isnan(stacked).any(axis=1))
    kept = {name: np.ascontiguousarray(table[known]) for name, table in tables.items()}
    book, hedge = kept.pop("long_returns")[:, 0], kept.pop("hedge_returns")[:, 0]
    if len(book) < least:
        raise ShortHistoryError(f"needs {least} sessions with all returns, has {len(book)}")
    if moves and is_still(hedge):
        raise DegenerateHedgeError("the hedge does not move: its returns are constant over these sessions")
    flat = {name: table if np.ndim(given[name]) == 2 else table[:, 0] for name, table in kept.items()}
    names = {name: _names(given[name], table.shape[1]) for name, table in kept.items()}
    return History(
        np.ascontiguousarray(book),
        np.ascontiguousarray(hedge),
        flat,
        names,
        sessions[known] if sessions is not None else None,
        int((~known).sum()),
    )


def is_still(returns: Array) -> bool:
    """Whether returns are constant up to rounding."""
    largest = float(np.abs(returns).max(initial=0.0))
    return largest == 0.0 or float(returns.std()) <= STILL * largest


def _joined(given: Mapping[str, Returns | ReturnsTable]) -> tuple[dict[str, Array], pd.Index | None]:
    framed = {name: table for name, table in given.items() if isinstance(table, pd.Series | pd.DataFrame)}
    if not framed:
        return _stack(given), None
    if len(framed) < len(given):
        plain = sorted(set(given) - set(framed))
        raise DataError(
            f"{', '.join(plain)}: give either pandas objects with sessions for all inputs, or arrays for all"
        )
    common: pd.Index | None = None
    for name, table in framed.items():
        if not table.index.is_unique or not table.index.is_monotonic_increasing:
            raise DataError(f"{name}: sessions must be unique and increasing")
        common = table.index if common is None or common.equals(table.index) else common.intersection(table.index)
    assert common is not None
    if len(common) == 0:
        raise DataError("the returns share no session: " + ", ".join(framed))
    common = common.sort_values()
    return _stack({n: t if t.index.equals(common) else t.reindex(common) for n, t in framed.items()}), common


def _stack(given: Mapping[str, Returns | ReturnsTable]) -> dict[str, Array]:
    tables: dict[str, Array] = {}
    for name, table in given.items():
        values = np.asarray(table, dtype=np.float64)
        if values.ndim not in (1, 2):
            raise DataError(f"{name}: expected one or two dimensions, found {values.ndim}")
        tables[name] = values[:, None] if values.ndim == 1 else values
    lengths = {name: len(table) for name, table in tables.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the returns differ in length: {lengths}")
    for name in ("long_returns", "hedge_returns"):
        if tables[name].shape[1] != 1:
            raise DataError(f"{name}: expected one series, found {tables[name].shape[1]}")
    return tables


def _names(table: Returns | ReturnsTable, width: int) -> tuple[str, ...]:
    if isinstance(table, pd.DataFrame):
        return tuple(map(str, table.columns))
    return tuple(f"series_{k}" for k in range(width))
