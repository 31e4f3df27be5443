"""What a company's figure was from each session on: one history for each (item, basis, lag), as sorted events.

1. An event stands where a figure changed: the day it became known, the period it is of, its value and flags.
2. Companies have codes of their own; a `Walk` says where the events of each ticker asked for lie.
3. Days, not positions in somebody's sessions, say when: a history serves every span of sessions alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from market.facts import AVERAGES, FLOWS, INSTANTS, Array32, FloatArray, IntArray, kind_of

Basis = Literal["ttm", "latest", "quarter", "year"]
BASES: tuple[Basis, ...] = ("latest", "quarter", "ttm", "year")  # in the order of the codes of `market.quarters`
Ask = tuple[str, Basis, int]  # item, basis, lag
_DAY = (1 << 32) - 1


def default_basis(name: str) -> Basis:
    """`ttm` for flows, `latest` for everything else."""
    return "ttm" if kind_of(name) == "flow" else "latest"


USUAL: tuple[Ask, ...] = (
    *((item, default_basis(item), lag) for item in (*FLOWS, *INSTANTS, *AVERAGES) for lag in (0, 4)),
    *((item, "year", lag) for item in (*FLOWS, *AVERAGES) for lag in (0, 1)),
)
"""Every item as it is read by default and a year earlier; what has fiscal years, the last two of them."""


@dataclass(frozen=True, eq=False)
class History:
    """Events of one (item, basis, lag), by company and day; parallel arrays of shape (n_events,)."""

    key: IntArray  # company << 32 | day on which it became known (a session), ascending
    newest: Array32  # end of the newest period known then: what freshness counts from
    end: Array32  # end of the period that the figure is of
    begin: Array32  # first day of the newest fact inside the figure; `NO_DATE` = the figure is unknown
    flags: Array32
    filed: Array32  # day on which the figure was first filed, `NO_DATE` where unknown
    value: FloatArray
    max_age: np.ndarray  # days that the figure lasts after `newest`


_NONE = np.empty(0, dtype=np.int32)
NOTHING = History(
    _NONE.astype(np.int64), _NONE, _NONE, _NONE, _NONE, _NONE, np.empty(0), _NONE.astype(np.int16)
)  # fmt: skip


@dataclass
class Walk:
    """Where the events of each ticker asked for start and end in a history, and how far a walk through its days is."""

    start: IntArray
    end: IntArray
    known: Array32  # day of each event
    reached: tuple[int, IntArray]  # a day, and each ticker's first event after it

    @classmethod
    def of(cls, history: History, company: IntArray) -> Walk:
        """`company` is the code of each ticker asked for, -1 where the history has none of that name."""
        start = np.searchsorted(history.key, company << 32)
        end = np.where(company >= 0, np.searchsorted(history.key, (company + 1) << 32), start)
        return cls(start, end, (history.key & _DAY).astype(np.int32), (-1, start))

    def last(self, history: History, company: IntArray, day: int) -> IntArray:
        """Each ticker's last event up to a day, as positions in `history`; -1 where there is none yet.

        Days are mostly asked for in order: where an earlier one was asked for, each ticker moves on from there.
        """
        before, following = self.reached
        if before <= day:
            following = following.copy()
            while True:
                more = following < self.end
                more &= self.known[np.minimum(following, len(self.known) - 1)] <= day
                if not more.any():
                    break
                following += more
        else:
            found = np.searchsorted(history.key, (company << 32) | day, side="right")
            following = np.where(company >= 0, found, self.start)
        self.reached = day, following
        return np.where(following > self.start, following - 1, -1)
