"""The earnings season: who has reported, who beat, and what the market paid for it.

1. An announcement counts from the session after its day (with `when` bmo, from that session), as views do.
2. A beat is EPS above the estimate. This raw share runs near 80 %; the market note counts only beats of a standard
   deviation of the estimates, which no table here has.
3. Reaction, both ways, in excess of the index fund: (a) the announcement's session and the next together, as the time
   of day is often unknown; (b) of those two sessions the one with the larger volume relative to 21 sessions before.
   With `when` known it is that session (bmo) or the next one (amc) in both.
4. The reward of beats is the mean reaction to beats of members over the last 63 sessions; against history: less the
   mean of all beats up to then, from 250 on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screens.regime.registry import signal
from screens.regime.rolling import Array, Mask, rolling_mean

if TYPE_CHECKING:
    from screens.regime.tape import Tape

SEASON = 63  # sessions: every company reports once
FEWEST = 20  # announcements in a window for a share or a mean
FEWEST_OF_HISTORY = 250
NOTE = "market note of November 2025"


@dataclass(frozen=True)
class Announcements:
    """Rows of the `earnings` table that lie within the sessions, of members; all shapes (n_events,)."""

    session: NDArray[np.int64]  # position of the first session on or after the announcement's day
    column: NDArray[np.int64]
    known_from: NDArray[np.int64]  # position of the session from which the figures count
    before_open: Mask
    after_close: Mask
    surprise: Array  # EPS less estimate, NaN where one is missing


def announcements(tape: Tape) -> Announcements | None:
    """The announcements of members; None where a store has no such table."""
    if not tape.data.has("earnings"):
        return None
    rows = tape.data.rows("earnings")
    session = np.asarray(tape.sessions.searchsorted(rows["date"].to_numpy(), side="left"), dtype=np.int64)
    column = tape.columns(rows["ticker"].tolist())
    inside = (column >= 0) & (session < tape.n_sessions)
    inside &= rows["date"].to_numpy() >= tape.sessions[0].to_datetime64()
    inside[inside] = tape.members[session[inside], column[inside]]
    rows, session, column = rows[inside], session[inside], column[inside]
    when = rows["when"].to_numpy(dtype=object) if "when" in rows else np.full(len(rows), None)
    same_day = tape.sessions.to_numpy()[session] == rows["date"].to_numpy()
    before, after = np.asarray(when == "bmo"), np.asarray(when == "amc")
    known_from = np.where(same_day & ~before, session + 1, session)
    surprise = (rows["eps_actual"] - rows["eps_estimate"]).to_numpy(dtype=np.float64)
    return Announcements(session, column, known_from, before, after & same_day, surprise)


def _trailing(tape: Tape, at: NDArray[np.int64], values: Array, window: int | None) -> Array:
    """Sums of event values over the last `window` sessions (all, with None), by the session they became known."""
    inside = at < tape.n_sessions
    total: Array = np.cumsum(
        np.bincount(at[inside], weights=values[inside], minlength=tape.n_sessions), dtype=np.float64
    )
    if window is None:
        return total
    return total - np.concatenate([np.zeros(window), total[:-window]])


@signal(
    unit="share of members",
    fragile="neither",
    definition="share of members that have reported since the calendar quarter began",
    source=NOTE,
    needs=("earnings", "members"),
)
def earnings_reported(tape: Tape) -> Array:
    events = announcements(tape)
    if events is None:
        return np.full(tape.n_sessions, np.nan)
    quarter = tape.sessions.to_numpy().astype("datetime64[M]").astype(np.int64) // 3
    inside = events.known_from < tape.n_sessions
    first = np.zeros((tape.n_sessions, len(tape.tickers)), dtype=bool)
    first[events.known_from[inside], events.column[inside]] = True
    reported = np.zeros_like(first)
    for number in np.unique(quarter):
        rows = quarter == number
        reported[rows] = np.logical_or.accumulate(first[rows], axis=0)
    return tape.share_of_members(reported, np.ones_like(reported))


@signal(
    unit="share of reports",
    fragile="low",
    definition="share of the members' reports of the last 63 sessions with EPS above the estimate (raw, any margin)",
    source=NOTE,
    needs=("earnings", "members"),
)
def earnings_beats(tape: Tape) -> Array:
    events = announcements(tape)
    if events is None:
        return np.full(tape.n_sessions, np.nan)
    known = np.isfinite(events.surprise)
    beat = _trailing(tape, events.known_from, (events.surprise > 0).astype(float), SEASON)
    n = _trailing(tape, events.known_from, known.astype(float), SEASON)
    return np.where(n >= FEWEST, beat / np.where(n > 0, n, np.nan), np.nan)


def reactions(tape: Tape, events: Announcements, alignment: str) -> tuple[Array, NDArray[np.int64]]:
    """Excess return on each announcement, and the session at whose close it is known."""
    fund = tape.returns[:, tape.data.panel().column(tape.fund)]
    excess = tape.returns - fund[:, None]
    first = np.minimum(events.session, tape.n_sessions - 1)
    second = np.minimum(first + 1, tape.n_sessions - 1)
    on_first, on_second = excess[first, events.column], excess[second, events.column]
    if alignment == "volume":
        volume = np.log(np.maximum(_relative_volume(tape), 1e-12))
        later = volume[second, events.column] > volume[first, events.column]
        both = np.where(later, on_second, on_first)
    else:
        both = (1 + on_first) * (1 + on_second) - 1
    value = np.where(events.before_open, on_first, np.where(events.after_close, on_second, both))
    known_at = np.where(events.before_open, events.session, events.session + 1)
    value[known_at >= tape.n_sessions] = np.nan
    return value, known_at


def _relative_volume(tape: Tape) -> Array:
    """Volume over the mean of the 21 sessions before; one where unknown."""
    volume = tape.data.panel().volume
    usual = np.vstack([np.full((1, volume.shape[1]), np.nan), rolling_mean(volume, 21)[:-1]])
    ratio = volume / np.where(usual > 0, usual, np.nan)
    return np.where(np.isfinite(ratio), ratio, 1.0)


@signal(
    unit="return",
    fragile="low",
    definition=(
        "mean return in excess of the index fund on beats of members over the last 63 sessions; alignment {alignment}:"
        " two_sessions = the announcement's session and the next, volume = the one of the two with more volume"
    ),
    source=NOTE,
    needs=("earnings", "members", "prices"),
    choices={"alignment": ("two_sessions", "volume")},
)
def beat_reward(tape: Tape, *, alignment: str = "two_sessions") -> Array:
    return _reward(tape, alignment)[0]


@signal(
    unit="return",
    fragile="low",
    definition="reward of beats ({alignment}) less the mean reward of all beats known until then, from 250 beats on",
    source=NOTE,
    needs=("earnings", "members", "prices"),
    choices={"alignment": ("two_sessions", "volume")},
)
def beat_reward_against_history(tape: Tape, *, alignment: str = "two_sessions") -> Array:
    season, history = _reward(tape, alignment)
    return season - history


def _reward(tape: Tape, alignment: str) -> tuple[Array, Array]:
    """Mean reaction to beats over the last season, and over all history."""
    events = announcements(tape)
    nothing = np.full(tape.n_sessions, np.nan)
    if events is None or tape.fund not in tape.tickers:
        return nothing, nothing
    value, known_at = reactions(tape, events, alignment)
    beat = (events.surprise > 0) & np.isfinite(value)
    value, known_at = value[beat], known_at[beat]
    out = []
    for window, fewest in ((SEASON, FEWEST), (None, FEWEST_OF_HISTORY)):
        n = _trailing(tape, known_at, np.ones(len(value)), window)
        total = _trailing(tape, known_at, value, window)
        out.append(np.where(n >= fewest, total / np.where(n > 0, n, np.nan), np.nan))
    return out[0], out[1]
