"""On which sessions each estimator of a comparison is judged.

1. Common sessions: those on which every estimator that begins in time holds a ratio.
2. One that begins long after the reference would take its months from all the others; it is judged on its own
   sessions, beside the reference on the same ones.
3. Squares about the means are what paired tests compare; each group of equal length shares one set of resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from basket.hedge.bootstrap import Rows
from basket.hedge.history import Array
from market.errors import DataError

LATE_SESSIONS = 189  # nine months after the reference: too late to share its sessions
LEAST_SESSIONS = 60  # fewer common sessions, and nothing can be said


@dataclass(frozen=True)
class Judged:
    """What an estimator is judged on: its sessions, the book's and its hedged returns, and squares about the means."""

    sessions: pd.DatetimeIndex
    book: Array
    hedged: Array
    book_squares: Array
    squares: Array
    reference_squares: Array

    @classmethod
    def of(cls, hedged: pd.Series, reference: pd.Series, long_returns: pd.Series) -> Judged:
        every = (long_returns.reindex(hedged.index), hedged, reference)
        book, mine, theirs = (one.to_numpy(dtype=np.float64) for one in every)
        squares = ((one - one.mean()) ** 2 for one in (book, mine, theirs))
        return cls(pd.DatetimeIndex(hedged.index), book, mine, *squares)


def late_starters(hedged: Mapping[str, pd.Series], against: str) -> list[str]:
    """Those whose first session lies more than `LATE_SESSIONS` sessions of the reference after its own."""
    known = hedged[against].dropna().index
    begun = {kind: int(known.searchsorted(one.dropna().index[0])) for kind, one in hedged.items() if one.notna().any()}
    return [kind for kind in hedged if begun.get(kind, len(known)) > LATE_SESSIONS]


def by_length(judged: Mapping[str, Judged], draw: Callable[[int], Rows]) -> dict[int, Rows]:
    """Resampled rows for each number of sessions: estimators judged on the same sessions share them."""
    return {n: draw(n) for n in {len(one.hedged) for one in judged.values()}}


def judged_on(
    hedged: Mapping[str, pd.Series], against: str, long_returns: pd.Series
) -> tuple[dict[str, Judged], dict[str, str]]:
    """What each estimator is judged on, and for those with too few sessions of their own the reason.

    hedged  hedged returns by estimator. Raises `DataError` below sixty common sessions.
    """
    late = late_starters(hedged, against)
    punctual = {kind: one for kind, one in hedged.items() if kind not in late}
    table = pd.concat(punctual, axis=1, join="inner").dropna()
    if len(table) < LEAST_SESSIONS:
        raise DataError(f"only {len(table)} sessions are common to all estimators; {LEAST_SESSIONS} are needed")
    judged = {kind: Judged.of(table[kind], table[against], long_returns) for kind in punctual}
    refused = {}
    for kind in late:
        both = pd.concat([hedged[kind], hedged[against]], axis=1, join="inner").dropna()
        if len(both) < LEAST_SESSIONS:
            refused[kind] = f"only {len(both)} sessions after its first ratio; {LEAST_SESSIONS} are needed"
        else:
            judged[kind] = Judged.of(both.iloc[:, 0], both.iloc[:, 1], long_returns)
    return judged, refused
