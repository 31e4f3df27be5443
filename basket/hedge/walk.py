"""Walk-forward hedge ratios: refitted through time, each from returns before the session it is stamped with.

1. Sessions on which any input is NaN are dropped; a window counts the sessions that remain.
2. Refits fall on every `step`-th session once there is history enough, or on the `dates` given.
3. The refit stamped *t* sees the `window` sessions before *t* (all of them for estimators that filter), less the last
   `purge`. The return of *t* itself is never among them.
4. `raw` is the estimate; `target` is what is held from the close of *t*: clipped to `bounds`, unchanged while it would
   move by less than `band`, and moved by at most `max_step`.
5. `held_ratio` turns targets into the ratio that multiplies each session's return: the last target stamped *before* it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.hedge.history import STILL, Array, History, Returns, ReturnsTable, history, is_still
from basket.hedge.registry import Estimator, Parameter, estimator
from basket.hedge.result import DegenerateHedgeError, ShortHistoryError
from market.errors import ConfigError, DataError

Positions = npt.NDArray[np.intp]
Refusals = (DegenerateHedgeError, ShortHistoryError)
WINDOW = 252  # one year
STEP = 5  # weekly
BAND = 0.05
BOUNDS = (0.0, 2.0)
LEAST_SESSIONS = 126  # half a year of a longer window is enough to begin with


def walk_forward(
    kind: str,
    long_returns: pd.Series,
    hedge_returns: pd.Series,
    *,
    window: int | None = WINDOW,
    step: int = STEP,
    dates: Iterable[object] | None = None,
    purge: int = 0,
    band: float = BAND,
    bounds: tuple[float, float] = BOUNDS,
    max_step: float | None = None,
    min_sessions: int | None = None,
    params: Mapping[str, Parameter] | None = None,
) -> pd.DataFrame:
    """Hedge ratios through time: one row a refit, stamped with the session from whose close the target is held.

    kind           a name of `ESTIMATORS`
    long_returns   simple returns of the book by session; the sessions decide when refits fall
    hedge_returns  simple total returns of the hedge, same sessions
    window         sessions a fit looks back on; None: all. Raised to what the estimator needs at least;
                   estimators that filter (`kalman`, `ccc_garch`, `dcc_garch`) always see all
    step           sessions between refits, unless `dates` are given
    dates          the sessions to refit at; those without history enough are left out
    purge          most recent sessions left out of each fit
    band           least change of the ratio that is traded
    bounds         least and greatest target
    max_step       greatest change of the target at one refit
    min_sessions   history before the first refit; default the shorter of `window` and 126, or what the estimator needs
    params         the estimator's keywords; series and tables in it are cut like the returns

    Columns `raw` (the estimate; NaN where the estimator refused), `target`, and `refused` (why, "" where it did not).
    A fit of several instruments adds `raw:NAME` and `target:NAME` for each further one.
    Raises `ConfigError` for settings that cannot hold, `DataError` where no refit is possible at all.
    """
    row = estimator(kind)
    given, fixed = _align(row, long_returns, hedge_returns, params or {})
    _check(window, step, purge, band, bounds, max_step)
    least = row.least_sessions(fixed)
    if window is not None:
        window = max(window, least)
    wanted = min(window or LEAST_SESSIONS, LEAST_SESSIONS) if row.estimated else 1
    first = max(least, wanted if min_sessions is None else min_sessions)
    sessions = cast(pd.DatetimeIndex, given.sessions)
    stamps, ends = _refits(sessions, step, dates, first, purge)
    if len(ends) == 0:
        raise ShortHistoryError(
            f"{kind}: no refit possible: {first} sessions are needed before the first, there are {len(sessions)}"
        )
    starts = np.zeros_like(ends) if window is None or row.expanding else np.maximum(ends - window, 0)
    raw, refused = _fits(row, given, starts, ends, fixed)
    if np.isnan(raw).all():
        raise DegenerateHedgeError(f"{kind}: refused at every refit; the first time because {refused[0]}")
    names = ("", *(f":{name}" for name in given.names.get("instruments", ())[: raw.shape[1] - 1]))
    table = {f"raw{name}": raw[:, k] for k, name in enumerate(names)}
    table |= {f"target{name}": regularise(raw[:, k], band, bounds, max_step) for k, name in enumerate(names)}
    frame = pd.DataFrame(table, index=stamps)
    frame["refused"] = pd.Series(refused, index=stamps, dtype="str")
    frame.index.name = "session"
    return frame


def regularise(
    raw: Array, band: float = BAND, bounds: tuple[float, float] = BOUNDS, max_step: float | None = None
) -> Array:
    """Targets from raw estimates, shape (n_refits,): clip, then hold inside the band, then limit the step.

    A NaN estimate keeps the target; before the first estimate it is NaN.

    >>> regularise(np.array([0.80, 0.84, 0.90, 2.50]), band=0.05, max_step=0.25)
    array([0.8 , 0.8 , 0.9 , 1.15])
    """
    target = np.full(len(raw), np.nan)
    held = np.nan
    for k, wanted in enumerate(np.clip(raw, *bounds)):
        if np.isnan(held):
            held = wanted
        elif abs(wanted - held) >= band:  # False for NaN
            move = wanted - held
            held += move if max_step is None else float(np.clip(move, -max_step, max_step))
        target[k] = held
    return target


def held_ratio(targets: pd.Series, sessions: pd.Index) -> pd.Series:
    """The ratio that multiplies each session's return: the last target stamped strictly before the session.

    NaN before the first. `hedged = book - held_ratio * hedge` is therefore free of look-ahead.
    """
    known = targets.dropna()
    position = np.asarray(known.index.searchsorted(sessions, side="left")) - 1
    values = np.append(known.to_numpy(dtype=np.float64), np.nan)[position]
    return pd.Series(values, index=sessions, name="held")


def hedged_returns(
    long_returns: pd.Series,
    hedge_returns: pd.Series,
    path: pd.DataFrame,
    instruments: pd.DataFrame | None = None,
    cost_bps: float = 0.0,
) -> pd.Series:
    """Simple returns of the hedged book under the path of `walk_forward`, from the first session with a ratio.

    instruments  returns of the further instruments of a path that holds several
    cost_bps     one-way cost of changing the ratio, bps of the notional traded; charged on the session after the refit
    """
    total: pd.Series | None = None
    for column in (name for name in path.columns if name.startswith("target")):
        name = column.partition(":")[2]
        if name and instruments is None:
            raise ConfigError(f"the path holds {name} too: give `instruments`")
        returns = hedge_returns if not name else cast(pd.DataFrame, instruments)[name]
        both = pd.concat([long_returns.rename("book"), returns.rename("hedge")], axis=1, join="inner")
        held = held_ratio(path[column], both.index)
        leg = held * both["hedge"] + held.diff().abs().fillna(0.0) * cost_bps / 1e4
        total = leg if total is None else total + leg
    if total is None:
        raise ConfigError("the path has no target column")
    return (long_returns.reindex(total.index) - total).dropna().rename("hedged")


def _align(
    row: Estimator, long_returns: pd.Series, hedge_returns: pd.Series, params: Mapping[str, Parameter]
) -> tuple[History, dict[str, Parameter]]:
    row.check(params)
    if not isinstance(long_returns, pd.Series) or not isinstance(hedge_returns, pd.Series):
        raise DataError("walk_forward needs pandas Series: without sessions there is no time to walk through")
    if not isinstance(long_returns.index, pd.DatetimeIndex):
        raise DataError(f"walk_forward needs returns indexed by dates, found {type(long_returns.index).__name__}")
    for name in row.series:
        plain = params.get(name) is None or isinstance(params[name], float | int)
        if not plain and not isinstance(params[name], pd.Series | pd.DataFrame):
            raise DataError(f"walk_forward needs {name} with its sessions, as pandas objects: arrays cannot be cut")
    series = {name: value for name, value in params.items() if isinstance(value, pd.Series | pd.DataFrame)}
    fixed = {name: value for name, value in params.items() if name not in series}
    others = cast(dict[str, Returns | ReturnsTable], series)
    return history(long_returns, hedge_returns, least=1, moves=False, **others), fixed


def _check(
    window: int | None, step: int, purge: int, band: float, bounds: tuple[float, float], max_step: float | None
) -> None:
    if window is not None and window < 1:
        raise ConfigError(f"walk_forward: window must be positive or None, found {window}")
    if step < 1:
        raise ConfigError(f"walk_forward: step must be at least one session, found {step}")
    if purge < 0:
        raise ConfigError(f"walk_forward: purge cannot be negative, found {purge}")
    if band < 0.0:
        raise ConfigError(f"walk_forward: band cannot be negative, found {band}")
    if not bounds[0] <= bounds[1]:
        raise ConfigError(f"walk_forward: bounds must be (least, greatest), found {bounds}")
    if max_step is not None and max_step <= 0.0:
        raise ConfigError(f"walk_forward: max_step must be positive or None, found {max_step}")


def _refits(
    sessions: pd.DatetimeIndex, step: int, dates: Iterable[object] | None, first: int, purge: int
) -> tuple[pd.DatetimeIndex, Positions]:
    """Stamps, and for each the number of sessions before it that a fit may see."""
    if dates is None:
        at = np.arange(first + purge, len(sessions), step, dtype=np.intp)
        return sessions[at], at - purge
    wanted = pd.DatetimeIndex([pd.Timestamp(str(one)) for one in dates])
    stamps = wanted.unique().sort_values()
    ends = np.asarray(sessions.searchsorted(stamps, side="left"), dtype=np.intp) - purge
    enough = ends >= first
    return stamps[enough], ends[enough]


def _fits(
    row: Estimator, given: History, starts: Positions, ends: Positions, params: Mapping[str, Parameter]
) -> tuple[Array, list[str]]:
    """Raw ratios, shape (n_refits, n_instruments), and why some are missing."""
    raw: list[Array] = [np.array([np.nan])] * len(ends)
    refused = [""] * len(ends)
    alike = row.vectorised and all(other.ndim == 1 for other in given.others.values())
    if alike:
        lengths = [int(one) for one in ends - starts]
        for length in sorted(set(lengths)):
            of = np.flatnonzero(np.equal(lengths, length))
            for k, value in zip(of, _windows(row, given, starts[of], length, params), strict=True):
                raw[k] = np.array([value])
                refused[k] = "" if np.isfinite(value) else "the returns do not determine a hedge ratio"
    else:
        for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
            try:
                if is_still(given.hedge[start:end]):
                    raise DegenerateHedgeError("the hedge does not move")
                # copies, for a slice would carry the future behind it as its base
                cut = {name: other[start:end].copy() for name, other in given.others.items()}
                fitted = row.ratio(given.book[start:end].copy(), given.hedge[start:end].copy(), **cut, **params)
                raw[at] = np.atleast_1d(np.asarray(fitted, dtype=np.float64))
            except Refusals as reason:
                refused[at] = str(reason)
    width = max(len(one) for one in raw)
    return np.vstack([one if len(one) == width else np.full(width, np.nan) for one in raw]), refused


def _windows(row: Estimator, given: History, starts: Positions, length: int, params: Mapping[str, Parameter]) -> Array:
    """All windows of one length in one call of a vectorised ratio function."""
    rows = starts[:, None] + np.arange(length)
    hedge = given.hedge[rows]
    cut = {name: other[rows] for name, other in given.others.items()}
    values = np.array(row.ratio(given.book[rows], hedge, **cut, **params), dtype=np.float64)
    if row.estimated:
        still = hedge.std(axis=-1) <= STILL * np.abs(hedge).max(axis=-1)
        values[still | ~np.isfinite(values)] = np.nan
    return values
