"""From a fragility score to a state: a Schmitt trigger with hold and cool-down, and the sizes that follow from it.

1. Off turns on when the score has been at or above `on` for `on_days` sessions in a row, on turns off when it has been
   at or below `off` for `off_days`; between the two levels nothing changes.
2. A state just entered is kept: `hold` sessions once on, `cool_down` sessions once off.
3. A session without a score counts for neither side, and breaks a run.
4. The state of a session is decided at its close; it may be traded `lag` sessions later.
5. Scaling is the other use of a score: a multiplier of the hedge between a floor and one, smoothed, and moved only when
   it would move by more than a band.
6. The squeeze switch cuts the hedge for a time after the basket, or a proxy of the most shorted, has run away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from screens.regime.rolling import Array, Mask, compounded, rolling_mean, smoothed

SQUEEZE_WINDOW = 5  # sessions: a week


def schmitt(
    score: Array, *, on: float, off: float, on_days: int, off_days: int, hold: int, cool_down: int
) -> NDArray[np.bool_]:
    """Whether the gate is on at each close, shape (n_sessions,). Starts off.

    >>> x = np.array([0.8, 0.8, 0.6, 0.6, 0.4, 0.4, 0.8])
    >>> schmitt(x, on=0.7, off=0.5, on_days=2, off_days=2, hold=1, cool_down=1).astype(int).tolist()
    [0, 1, 1, 1, 1, 0, 0]
    """
    state, since, run = False, max(hold, cool_down), 0
    out = np.zeros(len(score), dtype=bool)
    for t, value in enumerate(score):
        asks = value <= off if state else value >= on  # False where the score is NaN
        run = run + 1 if asks else 0
        since += 1
        if run >= (off_days if state else on_days) and since > (hold if state else cool_down):
            state, since, run = not state, 1, 0
        out[t] = state
    return out


def lagged(state: Mask, lag: int) -> Mask:
    """The state that may act at each session: that of `lag` sessions before; off until then."""
    return np.concatenate([np.zeros(min(lag, len(state)), dtype=bool), state[: max(len(state) - lag, 0)]])


def multiplier(score: Array, *, low: float, high: float, floor: float, span: int, band: float) -> Array:
    """Share of the full hedge at each close: clip((score - low)/(high - low), floor, 1), smoothed, moved in steps.

    It starts at the first score known and moves only where the smoothed value is more than `band` away.
    """
    wanted = smoothed(np.clip((score - low) / (high - low), floor, 1.0), span)
    out, held = np.full(len(score), np.nan), np.nan
    for t, value in enumerate(wanted):
        if np.isfinite(value) and (np.isnan(held) or abs(value - held) > band):
            held = value
        out[t] = held
    return out


def squeeze(
    basket_returns: Array,
    market_returns: Array,
    *,
    rise: float = 0.10,
    beyond: float = 0.05,
    sessions: int = 10,
    keep: float = 0.5,
    jumped: Mask | None = None,
) -> Array:
    """Factor on the hedge at each close: `keep` for `sessions` sessions after a squeeze of the basket, else one.

    A squeeze is a five-session return of the basket above `rise` and above the market's by more than `beyond`, or a
    session on which a proxy of the most shorted names `jumped`.
    """
    basket, market = compounded(basket_returns, SQUEEZE_WINDOW), compounded(market_returns, SQUEEZE_WINDOW)
    with np.errstate(invalid="ignore"):
        squeezed = (basket > rise) & (basket - market > beyond)
    if jumped is not None:
        squeezed = squeezed | jumped
    last = np.maximum.accumulate(np.where(squeezed, np.arange(len(squeezed)), -sessions))
    return np.where(np.arange(len(squeezed)) - last < sessions, keep, 1.0)


def jumps(returns: Array, z: float, window: int = 252) -> Mask:
    """Whether the five-session return stands above `z` standard deviations of its own last `window` figures.

    The figure of the session itself is not among them; unknown figures never jump.
    """
    moved = compounded(returns, SQUEEZE_WINDOW)
    before = np.concatenate([[np.nan], moved[:-1]])
    mean = rolling_mean(before, window)
    spread = np.sqrt(np.maximum(rolling_mean(before * before, window) - mean * mean, 0.0))
    with np.errstate(invalid="ignore"):
        return np.asarray((moved - mean > z * spread) & (spread > 0.0))
