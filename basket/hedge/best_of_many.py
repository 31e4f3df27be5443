r"""Is the best of many estimators better than the reference, once one remembers how many were tried?

1. Each estimator's loss beside the reference: the difference of squared hedged returns, on the same sessions.
2. The statistic is the greatest studentised mean gain, :math:`\max_k -\bar d_k / \omega_k`.
3. Its distribution under no gain at all: the same maximum over bootstrap means about their own mean, one set of rows
   for all estimators, so that what they have in common is kept.

White (2000), "A Reality Check for Data Snooping", Econometrica 68(5), studentised as in Hansen (2005).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from basket.hedge.bootstrap import Rows
from basket.hedge.history import Array


def best_of_many(gaps: Mapping[str, Array], rows: Rows) -> tuple[str, float]:
    """The estimator with the greatest studentised gain, and the p-value of no gain by any; `("", NaN)` for none.

    gaps  loss less the reference's by session, negative is better, each (n_sessions,)
    rows  bootstrap rows (n_draws, n_sessions)

    Estimators that never differ from the reference are left out.
    """
    names = [name for name, gap in gaps.items() if np.ptp(gap) > 0.0]
    if not names:
        return "", float("nan")
    losses = np.stack([gaps[name] for name in names])
    means = losses.mean(axis=1)
    drawn = np.stack([losses[:, one].mean(axis=1) for one in rows])
    spread = drawn.std(axis=0)
    gains = -means / spread
    greatest = ((means - drawn) / spread).max(axis=1)
    best = int(np.argmax(gains))
    return names[best], float((1 + int((greatest >= gains[best]).sum())) / (1 + len(rows)))
