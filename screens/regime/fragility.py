"""How fragile the tape is, through time and on a date.

1. Every signal is computed through all sessions, on the members of each date, from data up to each session only.
2. A signal becomes its expanding percentile, turned so that high is fragile.
3. The score is the weighted mean of the percentiles known, where they carry at least half of all weight.
4. The gate turns the score into a state; what a session decides may act `lag` sessions later.
5. `evaluate` reads one row of it; the history is kept for as long as the market is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from screens.loading import load
from screens.regime.gate import lagged, multiplier, schmitt
from screens.regime.percentile import expanding_percentile
from screens.regime.rolling import Array
from screens.regime.signals import SIGNALS
from screens.regime.spec import RegimeSpec, SignalUse
from screens.regime.tape import Tape

if TYPE_CHECKING:
    from market import Market

SHARE_OF_WEIGHT_NEEDED = 0.5

_HISTORIES: WeakKeyDictionary[Market, dict[str, pd.DataFrame]] = WeakKeyDictionary()


class Reading(TypedDict):
    """One signal on a date; percentile is that of the value itself, None where unknown."""

    value: float | None
    percentile: float | None
    fragile: str
    weight: float
    unit: str
    definition: str


class Regime(TypedDict):
    """The tape on a date: `state` is what the close decided, `acting` what may be traded on it."""

    as_of: str
    signals: dict[str, Reading]
    score: float | None
    state: str
    acting: str
    multiplier: float | None


def history(spec: RegimeSpec | str | os.PathLike[str], data: Market) -> pd.DataFrame:
    """Everything through time, by session: columns ("value", name), ("percentile", name), and under "session": score,
    state and acting (bool) and multiplier.

    Raises `DataError` where the store lacks what a signal cannot do without (members, prices, market caps).
    """
    spec = spec if isinstance(spec, RegimeSpec) else load(Path(spec), RegimeSpec)
    return _kept(spec, data).copy()


def evaluate(spec: RegimeSpec | str | os.PathLike[str], data: Market, session: pd.Timestamp | str) -> Regime:
    """The signals, the score and the state at one session's close.

    Raises `DataError` for a day that is no session of the data.
    """
    spec = spec if isinstance(spec, RegimeSpec) else load(Path(spec), RegimeSpec)
    day = data.session(session)
    row = _kept(spec, data).iloc[int(data.sessions.searchsorted(day))].to_dict()
    readings: dict[str, Reading] = {}
    for use in spec.signals:
        entry = SIGNALS[use.signal]
        readings[use.label] = {
            "value": _number(row["value", use.label]),
            "percentile": _number(row["percentile", use.label]),
            "fragile": _side(use),
            "weight": use.weight,
            "unit": entry.unit,
            "definition": entry.defined(use.params),
        }
    return {
        "as_of": day.date().isoformat(),
        "signals": readings,
        "score": _number(row["session", "score"]),
        "state": _word(row["session", "state"], row["session", "score"]),
        "acting": "on" if row["session", "acting"] else "off",
        "multiplier": _number(row["session", "multiplier"]),
    }


def _kept(spec: RegimeSpec, data: Market) -> pd.DataFrame:
    histories = _HISTORIES.setdefault(data, {})
    key = spec.model_dump_json()
    if key not in histories:
        histories[key] = _history(spec, data)
    return histories[key]


def _history(spec: RegimeSpec, data: Market) -> pd.DataFrame:
    tape = Tape(data, spec.index, spec.level, spec.market)
    values, percentiles = {}, {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for use in spec.signals:
            values[use.label] = SIGNALS[use.signal](tape, **use.params)
            percentiles[use.label] = expanding_percentile(values[use.label], spec.min_history_sessions)
        score = _score(spec, percentiles)
    gate = spec.gate
    state = schmitt(
        score,
        on=gate.on,
        off=gate.off,
        on_days=gate.on_days,
        off_days=gate.off_days,
        hold=gate.hold,
        cool_down=gate.cool_down,
    )
    size = np.full(len(score), np.nan)
    if spec.scaling is not None:
        size = multiplier(score, **spec.scaling.model_dump())
    columns = {("value", name): array for name, array in values.items()}
    columns |= {("percentile", name): array for name, array in percentiles.items()}
    rest = {"score": score, "state": state, "acting": lagged(state, gate.lag), "multiplier": size}
    columns |= {("session", name): array for name, array in rest.items()}
    return pd.DataFrame(columns, index=data.sessions)


def _side(use: SignalUse) -> str:
    return use.fragile or SIGNALS[use.signal].fragile


def _score(spec: RegimeSpec, percentiles: dict[str, Array]) -> Array:
    counted = [use for use in spec.signals if use.weight > 0 and _side(use) != "neither"]
    n_sessions = len(next(iter(percentiles.values())))
    total, weight = np.zeros(n_sessions), np.zeros(n_sessions)
    for use in counted:
        share = percentiles[use.label]
        share = 1 - share if _side(use) == "low" else share
        known = np.isfinite(share)
        total += np.where(known, share, 0.0) * use.weight
        weight += known * use.weight
    enough = weight >= SHARE_OF_WEIGHT_NEEDED * sum(use.weight for use in counted)
    return np.where(enough & (weight > 0), total / weight, np.nan)


def _number(value: float | bool) -> float | None:
    return float(value) if np.isfinite(value) else None


def _word(state: bool, score: float) -> str:
    """The state in words; without a score nothing was decided, and a gate that is off cannot be called calm."""
    if state:
        return "on"
    return "off" if np.isfinite(score) else "unknown"
