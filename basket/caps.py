r"""Caps on names and groups, by water-filling.

1. Each name starts from its base weight; what matters is only the proportions.
2. A group whose names would exceed the group's cap is filled first: `w_i = min(cap_i, θ_g·base_i)` with the θ_g that
   makes the group sum to its cap. That lowers the caps of its names and settles the group.
3. The whole is then filled to 1 in the same way with one θ.
4. θ is exact: the sum is piecewise linear in θ, so sorting `cap_i/base_i` finds the piece it lies on.

This is the optimum of :math:`\min \sum_i (w_i-b_i)^2/b_i` under `Σw = 1`, `0 ≤ w ≤ cap`, group sums ≤ group caps (its
Karush-Kuhn-Tucker conditions say `w_i = min(cap_i, b_i(1+λ-μ_g))`), so it agrees with the convex solver.
Caps that cannot hold 1 are an error, never a silent renormalisation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from market.errors import InfeasibleError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Rounding of a few hundred additions of doubles; anything larger is a cap that really does not fit.
TOLERANCE = 1e-12


def water_fill(base: Floats, caps: Floats | float, total: float = 1.0) -> Floats:
    """Weights `min(cap_i, θ·base_i)` that sum to `total`.

    `base` (n,) non-negative; `caps` (n,) or one number. Names with base 0 stay at 0. Raises `InfeasibleError` when the
    caps of the names with a base hold less than `total`.

    >>> water_fill(np.array([.5, .2, .2, .1]), .35).round(12).tolist()
    [0.35, 0.26, 0.26, 0.13]
    """
    limit = caps if isinstance(caps, np.ndarray) else np.full(base.shape, float(caps))
    size = base.sum()
    plain = base * (total / size) if size > 0 else base
    if size > 0 and (plain <= limit).all():
        return plain
    live = np.flatnonzero((base > 0) & (limit > 0))
    room = float(limit[live].sum())
    if room < total - TOLERANCE:
        raise InfeasibleError(f"{live.size} names under their caps hold at most {room:.4g}, less than {total:.4g}")
    out = np.zeros(base.shape)
    if live.size == 0:
        return out
    weight, cap = base[live] / base[live].max(), limit[live]
    order = np.argsort(cap / weight, kind="stable")
    capped_before = np.concatenate(([0.0], np.cumsum(cap[order])))[:-1]
    base_from = np.cumsum(weight[order][::-1])[::-1]
    theta = (total - capped_before) / base_from
    # θ_k assumes the first k names capped; the right k is the first whose next name is not pushed over its cap.
    fits = np.flatnonzero(theta <= (cap / weight)[order] * (1 + TOLERANCE))
    if fits.size == 0:
        out[live] = cap
        return out
    at = int(fits[0])
    filled = theta[at] * weight
    filled[order[:at]] = cap[order[:at]]
    out[live] = np.minimum(filled, cap)
    return out


def cap_weights(
    base: Floats,
    name_caps: Floats | float = 1.0,
    groups: Ints | None = None,
    group_caps: Floats | None = None,
) -> Floats:
    """Weights nearest to `base` (chi-square distance) under name caps and caps of disjoint groups; they sum to 1.

    `base`, `name_caps` (n,); `groups` (n,) codes from 0, −1 for a name in no group; `group_caps` (n_groups,).
    Raises `InfeasibleError`, saying which caps hold too little.
    """
    if base.size == 0 or not base.sum() > 0:
        raise InfeasibleError("no name has a positive base weight")
    limit = np.array(name_caps) if isinstance(name_caps, np.ndarray) else np.full(base.shape, float(name_caps))
    if _holds(base, limit, groups, group_caps):
        return base.copy()
    if groups is None or group_caps is None:
        return water_fill(base, limit)
    live = base > 0
    ungrouped = len(group_caps)
    codes = np.where(groups >= 0, groups, ungrouped)
    caps = np.append(group_caps, np.inf)
    room = np.bincount(codes[live], weights=limit[live], minlength=ungrouped + 1)
    for code in np.flatnonzero(room > caps):
        inside = np.flatnonzero(live & (codes == code))
        limit[inside] = water_fill(base[inside], limit[inside], float(caps[code]))
    return water_fill(base, limit)


def _holds(base: Floats, limit: Floats, groups: Ints | None, group_caps: Floats | None) -> bool:
    """Whether `base` is the answer already: it sums to 1 and breaks no cap."""
    if abs(base.sum() - 1.0) > 1e-15 or (base > limit).any():
        return False
    if groups is None or group_caps is None:
        return True
    inside = groups >= 0
    return bool((np.bincount(groups[inside], base[inside], len(group_caps)) <= group_caps).all())


def group_room(count: int, name_cap: float, group_cap: float) -> int:
    """Most names of one group that `count` names may hold so that the others still fit under the name cap.

    With 40 names at 4 % and a sector cap of 40 %, the 60 % outside a sector need 15 names, so it may have 25.

    >>> group_room(40, 0.04, 0.40)
    25
    """
    outside = int(np.ceil((1.0 - min(group_cap, 1.0)) / min(name_cap, 1.0) - 1e-9))
    return count - outside


def codes_of(labels: Sequence[str] | npt.NDArray[np.object_]) -> tuple[Ints, list[str]]:
    """Group codes in alphabetical order of the labels; an empty label is −1 (in no group)."""
    names = sorted({str(label) for label in labels if str(label)})
    lookup = {name: code for code, name in enumerate(names)}
    return np.array([lookup.get(str(label), -1) for label in labels], dtype=np.int64), names
