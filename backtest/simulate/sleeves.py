"""One sleeve of an account as a list of events: who is in it, in what proportion, from which close to which.

1. A *shape* is units per name, proportional to the target weight over the price at the rebalance; between events the
   shape is constant and the sleeve drifts, so a position is always (one scale) x (shape).
2. A rebalance sets a new shape. Names that do not trade that day are left out and the others share their weight; a
   held name that does not trade is *stuck*: it stays, and leaves at its first trade.
3. A terminal price (delisting) or a recall takes one name out at that close; the others are left alone, and share its
   notional the next time the sleeve is re-scaled.
4. A recalled name may return when its lock ends: the sleeve is re-scaled then.
5. Only the names of an event are listed (compressed rows), so no work is done for names never held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Floats
from backtest.simulate.tape import Flags, Tape, Whole
from market.errors import DataError

RETARGET: Final = 1  # size the whole sleeve again
CLOSE: Final = 2  # close the names whose unit is 0, leave the others

FUNDED: Final = 0  # a share of the account's NAV
RATIO: Final = 1  # dollars short per dollar of the funded sleeves

MIN_TARGET = 1e-12  # a weight below this is no position


@dataclass(frozen=True)
class Recalls:
    """Loans called back: a holder is bought in at that session's close, and may not short the name again for a while.

    recalled       (n_sessions, n_assets) bool; matters only where the sleeve holds the name
    lock_sessions  sessions after the buy-in before the name may be shorted again
    """

    recalled: Flags
    lock_sessions: int


@dataclass(frozen=True)
class Events:
    """Events of one sleeve in compressed rows: `starts[k]:starts[k + 1]` of `names` and `units` belong to event k.

    sessions  (n_events,) ascending
    kind      (n_events,) RETARGET or CLOSE
    total     (n_events,) sum of the target weights of the shape in force
    names     columns traded or held; those just leaving have unit 0
    units     carried shares per dollar of weight
    stuck     True when a position could not be traded at an event that wanted to: positions are then not scale x shape
    """

    sessions: Whole
    kind: Whole
    total: Floats
    starts: Whole
    names: Whole
    units: Floats
    stuck: bool


def sleeve_events(
    targets: Mapping[int, npt.ArrayLike],
    tape: Tape,
    name: str = "book",
    recalls: Recalls | None = None,
    linger: bool = False,
) -> Events:
    """Events of the sleeve that holds `targets` (session index -> weights >= 0, (n_assets,)) from each session on.

    `linger` keeps leavers in the lists, for accounts that may not get out of a position in one session.

    Raises ``DataError`` when no name of a rebalance trades, or a weight is negative or missing.
    """
    n_sessions, n_assets = tape.price.shape
    wanted = {int(t): _weights(w, n_assets, name, t) for t, w in sorted(targets.items())}
    if any(not 0 <= t < n_sessions for t in wanted):
        raise DataError(f"{name}: a rebalance falls outside the {n_sessions} sessions of the panel")
    shape = np.zeros(n_assets)
    held = np.zeros(n_assets, dtype=bool)
    benched: dict[int, float] = {}  # recalled names and the unit they return with
    free_from = np.zeros(n_assets, dtype=np.int64)  # first session a recalled name may be shorted again
    total, stuck = 0.0, False
    rows: list[tuple[int, int, float, npt.NDArray[np.int64], Floats]] = []
    for t in _candidates(wanted, tape, recalls):
        touched = held.copy()
        kind = 0
        leaving = held & tape.terminal[t]
        if recalls is not None:
            called = held & recalls.recalled[t] & tape.observed[t]
            free_from[called] = t + recalls.lock_sessions + 1
            leaving |= called
        overdue = held & (shape == 0.0) & tape.observed[t] & ~tape.observed[t - 1]
        if t in wanted:
            weights = wanted[t]
            asked = weights > MIN_TARGET
            total = float(weights[asked].sum())
            barred = free_from > t
            open_to_trade = tape.observed[t] & ~tape.terminal[t]
            waiting = held & ~open_to_trade & ~leaving
            member = asked & ((open_to_trade & ~barred) | waiting)
            if asked.any() and not member.any():
                raise DataError(f"{name}: none of the {int(asked.sum())} names of session {t} has a price")
            shape = np.where(member, weights / np.where(tape.price[t] > 0, tape.price[t], 1.0), 0.0)
            waits = np.flatnonzero(asked & barred & (tape.price[t] > 0))
            benched = {int(i): float(weights[i] / tape.price[t, i]) for i in waits}
            stuck |= bool(waiting.any())
            held = member | waiting | (held & ~tape.terminal[t] & linger)
            kind = RETARGET
        else:
            gone = leaving | overdue
            if gone.any():
                if recalls is not None:
                    benched |= {int(i): float(shape[i]) for i in np.flatnonzero(gone & ~tape.terminal[t] & (shape > 0))}
                shape = np.where(gone, 0.0, shape)
                held = held & ~(gone & tape.terminal[t] if linger else gone)
                kind = CLOSE
            back = [i for i in benched if free_from[i] <= t and tape.observed[t, i]]
            if back:
                for i in back:
                    shape[i] = benched.pop(i)
                    held[i] = True
                kind = RETARGET
        if kind:
            entries = np.flatnonzero(touched | held)
            rows.append((t, kind, total, entries, shape[entries]))
    counts = np.array([0] + [len(r[3]) for r in rows], dtype=np.int64)
    return Events(
        sessions=np.array([r[0] for r in rows], dtype=np.int64),
        kind=np.array([r[1] for r in rows], dtype=np.int64),
        total=np.array([r[2] for r in rows], dtype=np.float64),
        starts=np.cumsum(counts),
        names=np.concatenate([r[3] for r in rows]) if rows else np.zeros(0, dtype=np.int64),
        units=np.concatenate([r[4] for r in rows]) if rows else np.zeros(0),
        stuck=stuck,
    )


def _weights(weights: npt.ArrayLike, n_assets: int, name: str, t: int) -> Floats:
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (n_assets,) or not (np.isfinite(array) & (array >= 0)).all():
        raise DataError(f"{name}: the weights of session {t} must be {n_assets} numbers >= 0, none missing")
    return array


def _candidates(wanted: Mapping[int, Floats], tape: Tape, recalls: Recalls | None) -> list[int]:
    """Sessions at which something might happen to a name ever held: rebalances, endings, resumptions, recalls."""
    if not wanted:
        return []
    ever = np.any([w > MIN_TARGET for w in wanted.values()], axis=0)
    resumed = (tape.observed[1:] & ~tape.observed[:-1] & ever).any(axis=1)
    flags = (tape.terminal & ever).any(axis=1)
    flags[1:] |= resumed
    if recalls is not None:
        called = (recalls.recalled & ever).any(axis=1)
        flags |= called
        flags[recalls.lock_sessions + 1 :] |= called[: len(flags) - recalls.lock_sessions - 1]
    first = min(wanted)
    return sorted({t for t in np.flatnonzero(flags).tolist() if t > first} | set(wanted))
