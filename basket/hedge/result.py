"""What an estimator hands back, and the two ways in which it refuses.

1. `HedgeRatio.value` is dollars of hedge to **short** per dollar of book: `hedged = book - value * hedge`.
2. `stderr` is the standard error of that number; 0 where nothing is estimated, NaN where none exists (at a bound).
3. `diagnostics` holds what a sceptic asks next, and under `warning` what the estimator would rather not rely on.
4. An estimator that its data cannot carry raises; it never returns NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from market.errors import DataError

Diagnostic = float | int | str | bool | dict[str, float]


class DegenerateHedgeError(DataError):
    """The ratio does not exist on these returns: the hedge does not move, or nothing pins the ratio down."""


class ShortHistoryError(DataError):
    """Too few sessions for this estimator; the message says how many it needs."""


@dataclass(frozen=True)
class HedgeRatio:
    """Dollars of hedge to short per dollar of book.

    value        the ratio; positive is short
    stderr       its standard error, same unit
    n_sessions   sessions used, after dropping those without both returns
    start, end   first and last session used; None where plain arrays were given
    diagnostics  by name; always `n_dropped`, and `warning` ("" where there is none)
    """

    value: float
    stderr: float
    n_sessions: int
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    diagnostics: Mapping[str, Diagnostic] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def interval(self, z: float = 1.959964) -> tuple[float, float]:
        """The ratio less and plus `z` standard errors (95 % by default)."""
        return self.value - z * self.stderr, self.value + z * self.stderr
