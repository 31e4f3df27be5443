"""Rules and scores over several dates: in after n passes in a row, out after m failures, scores averaged.

1. Look at the last `dates` dates, `every_sessions` apart, the date of the screen being the last.
2. Walk forward: outside, `enter_after` passes in a row let a name in; inside, `leave_after` failures put it out.
3. The score is the mean over the last `average_scores` dates on which the name had one.
4. Only the rules are smoothed: a name must be in the universe on the date itself.

Everything looks backwards, so the answer for a date never depends on later ones.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from screens.scoring import Flags, weighted_mean
from screens.spec import Smoothing

if TYPE_CHECKING:
    import pandas as pd

    from screens.screened import Screened


def inside_after(passed: Flags, enter_after: int, leave_after: int) -> Flags:
    """Who is inside at the last of some dates; `passed` has shape (n_dates, n_assets), oldest first.

    >>> inside_after(np.array([[True], [True], [False]]), enter_after=2, leave_after=2).tolist()
    [True]
    """
    n_dates, n_assets = passed.shape
    enter_after = min(enter_after, n_dates)  # where the data begin later, all dates there are must pass
    inside = np.zeros(n_assets, dtype=bool)
    run = np.zeros(n_assets, dtype=int)  # length of the current run of passes (positive) or failures (negative)
    for today in passed:
        run = np.where(today, np.maximum(run, 0) + 1, np.minimum(run, 0) - 1)
        inside = np.where(inside, run > -leave_after, run >= enter_after)
    return inside


def dates_before(session: pd.Timestamp, sessions: pd.DatetimeIndex, every: int, count: int) -> list[pd.Timestamp]:
    """Up to `count` sessions, `every` apart, ending with `session`, oldest first."""
    last = int(sessions.searchsorted(session))
    return [sessions[row] for row in range(last, -1, -every)][:count][::-1]


def smoothed(smoothing: Smoothing, now: Screened, exclude_issuers: Collection[str] = frozenset()) -> Screened:
    """The screen of a date with its rules and scores smoothed over the dates before."""
    from screens.screen import evaluate_dates

    market = now.view.market
    dates = dates_before(now.session, market.sessions, smoothing.every_sessions, smoothing.dates)
    answers = [*evaluate_dates(now.spec, market, dates[:-1], exclude_issuers), now]
    inside = inside_after(
        np.array([answer.outcome.passed for answer in answers]), smoothing.enter_after, smoothing.leave_after
    )
    last = answers[-smoothing.average_scores :]
    score = weighted_mean([answer.score for answer in last], [1.0] * len(last)) if now.blocks else now.score
    admitted = now.admission.admitted
    return now.with_changes(admitted & inside, np.where(admitted, score, np.nan))
