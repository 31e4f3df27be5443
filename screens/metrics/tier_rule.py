"""The tier rule: a quotient whose denominator can turn negative never ranks on the quotient.

1. Names fall into tiers: `BEST` (nothing to worry about), `NORMAL` (the quotient means what it says), `WORST` (the
   denominator turned zero or negative while the numerator still weighs).
2. Within a tier a key orders them, larger is worse; in the outer tiers the key is scaled by total assets, never by the
   broken denominator.
3. The reported value is the quotient in `NORMAL` and NaN with a reason code elsewhere; the rank is never missing there.
4. A missing input leaves the name `UNKNOWN`: NaN is not zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from screens.registry import BEST, NORMAL, UNKNOWN, WORST, Values

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LARGEST = float(np.finfo(np.float64).max)

__all__ = ["BEST", "NORMAL", "UNKNOWN", "WORST", "Floats", "Mask", "plain", "tiered"]


def plain(value: Floats, reasons: Sequence[tuple[Mask, str]] = ()) -> Values:
    """A metric of one tier: the value ranks. Infinite values become NaN; `reasons` say why a value is missing."""
    value = np.where(np.isfinite(value), value, np.nan)
    return Values(value, reason=_reasons(value.shape[0], reasons) if reasons else None)


def tiered(
    value: Floats,
    *,
    best: tuple[Mask, Floats, str] | None = None,
    normal: tuple[Mask, Floats],
    worst: tuple[Mask, Floats, str] | None = None,
    reasons: Sequence[tuple[Mask, str]] = (),
) -> Values:
    """Assemble tiers from (mask, key, reason code); masks must not overlap, names in none of them are unknown.

    value: shape (n_assets,); kept where `normal` holds, NaN elsewhere.
    reasons: further (mask, code) pairs for names that stay unknown.
    """
    mask, key = normal
    value = np.where(mask, value, np.nan)
    tier = np.where(mask, NORMAL, UNKNOWN).astype(np.int8)
    keys = np.where(mask, key, np.nan)
    codes: list[tuple[Mask, str]] = list(reasons)
    for level, part in ((BEST, best), (WORST, worst)):
        if part is not None:
            tier[part[0]] = level
            keys = np.where(part[0], part[1], keys)
            codes.append((part[0], part[2]))
    keys = np.clip(keys, -LARGEST, LARGEST)  # a quotient over next to nothing overflows; it is extreme, not unknown
    tier[np.isnan(keys)] = UNKNOWN
    return Values(value, tier, keys, _reasons(value.shape[0], codes))


def _reasons(n_assets: int, codes: Sequence[tuple[Mask, str]]) -> NDArray[np.object_]:
    out = np.full(n_assets, "", dtype=object)
    for mask, code in codes:
        out[mask] = code
    return out
