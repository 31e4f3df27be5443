"""What a metric says of every name: a figure, and where a quotient breaks, a tier and a key in its place.

1. Tiers ascend from best to worst; the reported quotient has a meaning only in `NORMAL`.
2. Within a tier the key orders names, larger is worse, whatever the metric's direction.
3. Ranks come from `badness`, thresholds from `compare`; both read the tiers, so that a broken quotient ranks worst, and
   passes every threshold on the bad side, and never the other way round.
4. Unknown is unknown: no rank, no threshold holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from screens.ranks import ranks_of

Direction = Literal["higher_is_worse", "lower_is_worse", "neutral"]
Comparison = Literal[">", ">=", "<", "<="]
_COMPARE: Mapping[str, Callable[[NDArray[np.float64], float], NDArray[np.bool_]]] = MappingProxyType(
    {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
)

UNKNOWN, BEST, NORMAL, WORST = -1, 0, 1, 2  # tiers: the quotient itself is only meaningful in NORMAL


@dataclass(frozen=True)
class Values:
    """One metric for every name of a view; all arrays have shape (n_assets,), aligned with `view.tickers`.

    value: the figure in the metric's unit and natural sign; NaN where unknown or where the quotient has no meaning.
    tier: int8, `UNKNOWN` -1, `BEST` 0, `NORMAL` 1, `WORST` 2; None for a metric with a single tier (the value ranks).
    key: order within a tier, **larger is worse** whatever the metric's direction; None with `tier` None.
    reason: a short code ('neg_ebitda', 'net_cash', 'no_debt', ...) where the value is not an ordinary figure, else ''.

    A threshold such as `net_debt_ebitda > 4` holds for every name in `WORST` and for none in `BEST`.
    """

    value: NDArray[np.float64]
    tier: NDArray[np.int8] | None = None
    key: NDArray[np.float64] | None = None
    reason: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        if (self.tier is None) != (self.key is None):
            raise ValueError("tier and key come together")

    def known(self) -> NDArray[np.bool_]:
        """Where the metric ranks a name: a finite value, or a tier with a key."""
        if self.tier is None or self.key is None:
            return np.isfinite(self.value)
        return (self.tier >= BEST) & np.isfinite(self.key)

    def badness(self, direction: Direction) -> NDArray[np.float64]:
        """One number per name that orders from best to worst, ties kept, NaN where unknown.

        With tiers it is the rank of (tier, key) in their joint order, so only its order has a meaning.
        """
        if self.tier is None or self.key is None:
            value = np.where(np.isfinite(self.value), self.value, np.nan)
            return -value if direction == "lower_is_worse" else value
        known = self.known()
        within = ranks_of(np.where(known, self.key, np.nan), self.tier.astype(np.int64), min_group=1).rank
        best, normal = (int((known & (self.tier == tier)).sum()) for tier in (BEST, NORMAL))
        return within + np.array([0, best, best + normal])[self.tier]

    def without(self, mask: NDArray[np.bool_], reason: str = "sector") -> Values:
        """The same values, unknown with `reason` where `mask` holds."""
        if not mask.any():
            return self
        codes = np.full(self.value.shape, "", dtype=object) if self.reason is None else self.reason.copy()
        codes[mask] = reason
        value = np.where(mask, np.nan, self.value)
        if self.tier is None or self.key is None:
            return Values(value, reason=codes)
        return Values(
            value, np.where(mask, UNKNOWN, self.tier).astype(np.int8), np.where(mask, np.nan, self.key), codes
        )

    def compare(self, op: Comparison, threshold: float, direction: Direction) -> NDArray[np.bool_]:
        """Where `value op threshold`, read with the tiers: `WORST` lies beyond every threshold, `BEST` short of all.

        False where unknown; ask `known()` to tell the two apart.
        """
        plain = _COMPARE[op](self.value, threshold)
        if self.tier is None:
            return plain
        upwards = op in (">", ">=")
        beyond = upwards == (direction == "higher_is_worse")  # the comparison asks for the bad side
        return np.where(self.tier == NORMAL, plain, self.tier == (WORST if beyond else BEST))
