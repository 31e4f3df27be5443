"""Which names a rebalance holds: a buffer that keeps turnover down, then limits on groups.

1. Forced deletions first: a name that may not be held (not ranked, filtered) is out, whatever its history.
2. The rest stand in four classes: held for less than the minimum hold; ranked ≤ `enter_rank`; held and ranked
   ≤ `exit_rank`; all others.
3. Names are taken class by class, by rank within a class, until `count` are held: the buffer rule of the index
   providers (Novy-Marx and Velikov 2016, Review of Financial Studies 29(1), find it the most effective saver of cost).
4. A name whose sector or issuer is full is passed over; the next one takes its place.

Ranks are unique (the screen breaks ties), so the result does not depend on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

OUT, YOUNG, ENTER, STAY, FILL = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Chosen:
    """Positions held, best rank first within a class, and the class through which each of the n names went."""

    held: Ints
    through: npt.NDArray[np.int8]
    passed_over: Ints


def choose(
    rank: Floats,
    incumbent: Bools,
    *,
    count: int,
    enter_rank: int,
    exit_rank: int,
    age: Ints | None = None,
    min_hold: int = 0,
    sector: Ints | None = None,
    max_per_sector: int | None = None,
    issuer: Ints | None = None,
    max_per_issuer: int | None = None,
) -> Chosen:
    """Names of one rebalance.

    `rank` (n,): 1 is the first choice, NaN may not be held. `incumbent` (n,): held until now. `age` (n,): rebalances
    a name has been held for, counted against `min_hold`. `sector`, `issuer` (n,): codes, −1 for unknown, which no
    limit binds.

    >>> ranks = np.array([1.0, 2, 3, 4, 5])
    >>> choose(ranks, ranks == 4, count=2, enter_rank=1, exit_rank=4).held.tolist()
    [0, 3]
    """
    allowed = ~np.isnan(rank)
    through = np.zeros(rank.size, dtype=np.int8)
    through[allowed] = FILL
    held = incumbent & allowed
    through[held & (rank <= exit_rank)] = STAY
    through[allowed & (rank <= enter_rank)] = ENTER
    if min_hold and age is not None:
        through[held & (age < min_hold)] = YOUNG
    candidates = np.flatnonzero(allowed)
    order = candidates[np.lexsort((rank[candidates], through[candidates]))]
    limited = [
        (codes, limit)
        for codes, limit in ((sector, max_per_sector), (issuer, max_per_issuer))
        if codes is not None and limit is not None
    ]
    if all(_largest_group(codes[order[:count]]) <= limit for codes, limit in limited):
        return Chosen(order[:count], through, order[:0])
    taken: list[int] = []
    passed: list[int] = []
    used: list[dict[int, int]] = [{} for _ in limited]
    keys = [codes.tolist() for codes, _ in limited]
    for position in order.tolist():
        if len(taken) == count:
            break
        groups = [key[position] for key in keys]
        if any(g >= 0 and used[k].get(g, 0) >= limited[k][1] for k, g in enumerate(groups)):
            passed.append(position)
            continue
        for k, g in enumerate(groups):
            used[k][g] = used[k].get(g, 0) + 1
        taken.append(position)
    return Chosen(np.array(taken, dtype=np.int64), through, np.array(passed, dtype=np.int64))


def _largest_group(codes: Ints) -> int:
    """Names in the largest group; −1 is no group."""
    return int(np.bincount(codes + 1)[1:].max(initial=0)) if codes.size else 0


def blend_to_turnover_cap(target: Floats, drifted: Floats, cap: float, forced: Bools) -> tuple[Floats, float]:
    r"""Move from the drifted weights towards the target as far as the one-way turnover cap allows.

    Forced deletions go first and do not count: their weight is spread over the names kept, pro rata, and from there

    .. math:: w = w_{old} + \theta (w_{target} - w_{old}), \quad
              \theta = \min(1, cap / \tfrac12 \sum |w_{target} - w_{old}|).

    `target`, `drifted` (n,) each sum to 1; `forced` (n,) marks the deletions. Returns the weights and θ.

    >>> w, theta = blend_to_turnover_cap(np.array([0., 1.]), np.array([1., 0.]), .25, np.array([False, False]))
    >>> w.tolist(), theta
    ([0.75, 0.25], 0.25)
    """
    old = np.where(forced, 0.0, drifted)
    left = old.sum()
    if left <= 0:
        return target.copy(), 1.0
    old = old / left
    turnover = 0.5 * float(np.abs(target - old).sum())
    theta = 1.0 if turnover <= cap else cap / turnover
    return old + theta * (target - old), theta
