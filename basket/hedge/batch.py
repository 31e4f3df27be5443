r"""Walk-forward least squares for many hedges of one book at once: what hundreds of placebos need.

1. Running sums of :math:`x, y, xy, x^2` over sessions, for all hedges together; a window is a difference of two rows.
2. The slope of each window, then clip, band and step, refit by refit, for all hedges together.

Equal to `walk_forward("ols", ...)` hedge by hedge, to rounding. A running sum has seen nothing later than itself: no
digit depends on the future.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from basket.hedge.history import Array
from market.errors import DataError


def ols_walks(
    book: pd.Series,
    hedges: pd.DataFrame,
    dates: pd.DatetimeIndex,
    *,
    window: int,
    min_sessions: int,
    band: float,
    bounds: tuple[float, float],
    max_step: float | None = None,
) -> pd.DataFrame:
    """Targets by refit and hedge: `dates` with at least `min_sessions` returns before them x columns of `hedges`.

    book, hedges  simple returns by session, (n_sessions,) and (n_sessions, n_hedges), without NaN where both exist
    Other parameters as in `walk_forward`. Raises `DataError` for a missing return or where no refit is possible.
    """
    shared = book.index.intersection(hedges.index)
    y = book.reindex(shared).to_numpy(dtype=np.float64)
    x = hedges.reindex(shared).to_numpy(dtype=np.float64)
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise DataError("many hedges at once need returns without a gap")
    ends = np.asarray(shared.searchsorted(dates, side="left"), dtype=np.int64)
    kept = ends >= min_sessions
    stamps, ends = dates[kept], ends[kept]
    if not len(ends):
        raise DataError(
            f"no refit possible: {min_sessions} sessions are needed before the first, there are {len(shared)}"
        )
    raw = window_slopes(x, y, np.maximum(ends - window, 0), ends)
    return pd.DataFrame(_regularised(raw, band, bounds, max_step), index=stamps, columns=hedges.columns)


def window_slopes(many: Array, one: Array, starts: np.ndarray, ends: np.ndarray, of_many: bool = False) -> Array:
    """Least-squares slopes in the windows `start:end`, shape (n_windows, n_columns); NaN where the regressor is still.

    many (n_sessions, n_columns), one (n_sessions,). The slope of `one` on each column, or with `of_many` of each
    column on `one`.
    """
    y, x = one, many
    n = np.maximum(ends - starts, 1)[:, None]
    sum_y, sum_x = _between(y[:, None], starts, ends), _between(x, starts, ends)
    cross = _between(x * y[:, None], starts, ends) - sum_x * sum_y / n
    if of_many:
        energy = _between(y[:, None] * y[:, None], starts, ends) - sum_y * sum_y / n
    else:
        energy = _between(x * x, starts, ends) - sum_x * sum_x / n
    return cross / np.where(energy > 0, energy, np.nan)


def _between(values: Array, starts: np.ndarray, ends: np.ndarray) -> Array:
    """Sums of rows `start:end`."""
    running = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return running[ends] - running[starts]


def _regularised(raw: Array, band: float, bounds: tuple[float, float], max_step: float | None) -> Array:
    """`walk.regularise` along the first axis."""
    held = np.full(raw.shape[1], np.nan)
    target = np.empty_like(raw)
    reach = np.inf if max_step is None else max_step
    for k, wanted in enumerate(np.clip(raw, *bounds)):
        move = wanted - held
        moved = np.where(np.abs(move) >= band, held + np.clip(move, -reach, reach), held)
        held = np.where(np.isnan(held), wanted, moved)
        target[k] = held
    return target
