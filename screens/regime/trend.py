"""Trend and breadth: how long the index has held its average, and how many members hold theirs.

1. Averages include the session's own close, and above means strictly above.
2. A streak counts trading sessions, not days, and returns to zero on the first close at or below the average.
3. A new high is a close at or above every close of the last 252 sessions, this one included; a low likewise.
4. Shares are of the members of the day that have enough closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.regime.registry import signal
from screens.regime.rolling import Array, Mask, rolling_mean, rolling_sum, smoothed

if TYPE_CHECKING:
    from screens.regime.tape import Tape

WINDOW = {"window": (5.0, 504.0)}
NOTE = "market note of November 2025"


def streak(above: Mask, known: Mask) -> Array:
    """Consecutive sessions up to each one on which the condition held; NaN where it is unknown."""
    position = np.arange(len(above))
    broken = np.maximum.accumulate(np.where(above & known, -1, position))
    return np.where(known, position - broken, np.nan).astype(np.float64)


@signal(
    unit="sessions",
    fragile="high",
    definition="consecutive closes of the index above its average of {window} closes (today's included)",
    source=NOTE,
    needs=("prices",),
    bounds=WINDOW,
)
def dma_streak(tape: Tape, *, window: int = 50) -> Array:
    def count(price: Array) -> Array:
        average = rolling_mean(price, window)
        return streak(price > average, np.isfinite(average))

    return tape.on_level(count)


@signal(
    unit="ratio",
    fragile="neither",
    definition="close of the index / its average of {window} closes - 1",
    source=NOTE,
    needs=("prices",),
    bounds=WINDOW,
)
def dma_distance(tape: Tape, *, window: int = 50) -> Array:
    return tape.on_level(lambda price: price / rolling_mean(price, window) - 1)


@signal(
    unit="share of members",
    fragile="low",
    definition="share of the day's members whose close is above their average of {window} closes",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW,
)
def breadth(tape: Tape, *, window: int = 50) -> Array:
    above, known = tape.above_average(window)
    return tape.share_of_members(above, known)


@signal(
    unit="share of members",
    fragile="low",
    definition="share of members above their average of {window} closes, less that {sessions} sessions ago",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW | {"sessions": (1.0, 63.0)},
)
def breadth_change(tape: Tape, *, window: int = 50, sessions: int = 5) -> Array:
    share = breadth(tape, window=window)
    return np.concatenate([np.full(sessions, np.nan), share[sessions:] - share[:-sessions]])


@signal(
    unit="share of members",
    fragile="high",
    definition="share of members above their average of {window} closes {sessions} sessions ago and not above it now",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW | {"sessions": (1.0, 63.0)},
)
def fell_below(tape: Tape, *, window: int = 50, sessions: int = 5) -> Array:
    above, known = tape.above_average(window)
    before = np.zeros_like(above)
    before[sessions:] = (above & known)[:-sessions]
    out = tape.share_of_members(before & ~above, known)
    out[:sessions] = np.nan
    return out


def extremes(tape: Tape, window: int) -> tuple[Mask, Mask, Mask]:
    """New highs, new lows, and where a name has `window` closes; each (n_sessions, n_assets)."""
    return tape.remembered(("extremes", window), lambda: _extremes(tape, window))


def _extremes(tape: Tape, window: int) -> tuple[Mask, Mask, Mask]:
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    closes = tape.held_closes
    origin = (window - 1) // 2  # so that the window ends at the session
    whole = np.isfinite(rolling_sum(closes, window)) & np.isfinite(tape.closes)
    highest = maximum_filter1d(np.nan_to_num(closes, nan=-np.inf), window, axis=0, origin=origin, mode="nearest")
    lowest = minimum_filter1d(np.nan_to_num(closes, nan=np.inf), window, axis=0, origin=origin, mode="nearest")
    return whole & (closes >= highest), whole & (closes <= lowest), whole


@signal(
    unit="share of members",
    fragile="low",
    definition="(members at a new {window}-session closing high - at a new low) / members with that many closes, today",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW,
)
def new_highs_lows(tape: Tape, *, window: int = 252) -> Array:
    high, low, whole = extremes(tape, window)
    return tape.share_of_members(high, whole) - tape.share_of_members(low, whole)


@signal(
    unit="share of members",
    fragile="low",
    definition="average over about 10 sessions (exponential) of net new {window}-session highs",
    source="Granville's high-low index, smoothed",
    needs=("prices", "members"),
    bounds=WINDOW,
)
def new_highs_lows_average(tape: Tape, *, window: int = 252) -> Array:
    return smoothed(new_highs_lows(tape, window=window), 10)


def _on_any(condition: Mask, sessions: int) -> Mask:
    held = condition.copy()
    for back in range(1, sessions):
        held[back:] |= condition[:-back]
    return held


@signal(
    unit="share of members",
    fragile="low",
    definition="share of members with a new {window}-session closing high on any of the last {sessions} sessions",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW | {"sessions": (1.0, 63.0)},
)
def new_highs(tape: Tape, *, window: int = 252, sessions: int = 5) -> Array:
    high, _, whole = extremes(tape, window)
    return tape.share_of_members(_on_any(high, sessions), whole)


@signal(
    unit="share of members",
    fragile="high",
    definition="share of members with a new {window}-session closing low on any of the last {sessions} sessions",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW | {"sessions": (1.0, 63.0)},
)
def new_lows(tape: Tape, *, window: int = 252, sessions: int = 5) -> Array:
    _, low, whole = extremes(tape, window)
    return tape.share_of_members(_on_any(low, sessions), whole)
