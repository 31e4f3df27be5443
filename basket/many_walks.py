"""Many orders of the same pools walked together, for equal weights under name and sector caps.

1. Each draw has an order of all names; at a rebalance the names its pool allows keep that order.
2. The classes of `selection.choose` (young, enter, stay, fill) are taken one after the other, by a stable sort.
3. A draw in which a sector or an issuer would be too full is chosen by `choose` itself.
4. Equal weights under caps depend on the number of names in each sector alone, so that they are solved per sector.
5. Names without a close are only kept, never bought, as in `walk`.

The rules are those of `walk`, one array operation for all draws where `walk` has one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from basket.caps import TOLERANCE
from basket.pool import Pool
from basket.prices import IndexPrices
from basket.selection import ENTER, FILL, STAY, YOUNG, choose
from basket.walk import Limits, ended

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Wanted:
    """Targets of one rebalance: columns and weights (n_draws, n_names); a place that is not used has weight 0."""

    columns: Ints
    weights: Floats


def walk_many(
    pools: Sequence[Pool], at: Ints, prices: IndexPrices, limits: Limits, orders: Ints, name_cap: float
) -> tuple[list[Wanted], Bools]:
    """Targets at the rebalances `at`, one pool each, limits with one tranche; and the draws (n_draws,) they hold for.

    orders (n_draws, n_assets): all columns, the first choice first. A draw that the caps cannot hold at every rebalance
    has weights that break them, and is marked.
    """
    n_draws, n_assets = orders.shape
    held = np.zeros((n_draws, n_assets), dtype=bool)
    age = np.zeros((n_draws, n_assets), dtype=np.int64)
    draws = np.arange(n_draws)[:, None]
    found: list[Wanted] = []
    hold = np.ones(n_draws, dtype=bool)
    previous = -1
    for pool, fill in zip(pools, at.tolist(), strict=True):
        held[:, ended(prices, previous, fill)] = False
        columns, used = _chosen(pool, limits, orders, held, age)
        n_groups = len(pool.sector_names)
        weights, fits = even_weights(pool.sector[columns], used, n_groups, name_cap, limits.sector_cap)
        hold &= fits
        kept = np.where(prices.traded[fill, columns] | held[draws, columns], weights, 0.0)
        total = kept.sum(axis=1)
        some = total > 0
        weights[some] = kept[some] / total[some, None]
        held[:] = False
        held[draws, columns] = weights > 0
        age = np.where(held, age + 1, 0)
        found.append(Wanted(columns, weights))
        previous = fill
    return found, hold


def _chosen(pool: Pool, limits: Limits, orders: Ints, held: Bools, age: Ints) -> tuple[Ints, Bools]:
    """Columns chosen (n_draws, n_names), ascending, those not used last; and which are used."""
    n_draws = orders.shape[0]
    allowed = np.isfinite(pool.rank)
    line = orders[allowed[orders]].reshape(n_draws, pool.size)
    incumbent = np.take_along_axis(held, line, axis=1)
    rank = np.arange(1, pool.size + 1)
    through = np.full(line.shape, FILL, dtype=np.int8)
    through[incumbent & (rank <= pool.exit_rank)] = STAY
    through[:, : pool.enter_rank] = ENTER
    if limits.min_hold:
        through[incumbent & (np.take_along_axis(age, line, axis=1) < limits.min_hold)] = YOUNG
    count = min(pool.count, pool.size)
    columns = np.take_along_axis(line, np.argsort(through, axis=1, kind="stable")[:, :count], axis=1)
    used = np.ones(columns.shape, dtype=bool)
    per_sector = limits.sector_limit(count, pool.n_sectors)
    full = _too_full(pool.sector, per_sector, columns) | _too_full(pool.issuer, limits.max_per_issuer, columns)
    for draw in np.flatnonzero(full).tolist():
        order = np.full(allowed.size, np.nan)
        order[line[draw]] = rank
        taken = choose(
            order,
            held[draw],
            count=pool.count,
            enter_rank=pool.enter_rank,
            exit_rank=pool.exit_rank,
            age=age[draw],
            min_hold=limits.min_hold,
            sector=pool.sector,
            max_per_sector=per_sector,
            issuer=pool.issuer,
            max_per_issuer=limits.max_per_issuer,
        ).held
        columns[draw, : taken.size] = taken
        # What is not used must be none of the names that are.
        columns[draw, taken.size :] = np.setdiff1d(line[draw], taken)[: count - taken.size]
        used[draw, taken.size :] = False
    order = np.argsort(np.where(used, columns, columns + allowed.size), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(used, order, axis=1)


def _too_full(codes: Ints, limit: int | None, columns: Ints) -> Bools:
    """Draws (n_draws,) in which one group has more than `limit` of the columns."""
    if limit is None:
        return np.zeros(columns.shape[0], dtype=bool)
    counts = _counts(codes[columns], np.ones(columns.shape, dtype=bool), int(codes.max(initial=-1)) + 1)
    return np.asarray(counts[:, :-1].max(axis=1, initial=0) > limit)


def _counts(codes: Ints, used: Bools, n_groups: int) -> Ints:
    """Names by group (n_draws, n_groups + 1), those in no group last."""
    n_draws = codes.shape[0]
    place = np.where(codes < 0, n_groups, codes) + (n_groups + 1) * np.arange(n_draws)[:, None]
    return np.bincount(place[used], minlength=n_draws * (n_groups + 1)).reshape(n_draws, n_groups + 1)


def even_weights(
    codes: Ints, used: Bools, n_groups: int, name_cap: float, group_cap: float | None
) -> tuple[Floats, Bools]:
    """Equal weights under caps, `caps.cap_weights` of many draws at once; and the draws (n_draws,) whose caps hold 1.

    codes (n_draws, n_names): group of each name, −1 for none. used: the names that count, at least one a draw.
    """
    counts = _counts(codes, used, n_groups)
    n_names = counts.sum(axis=1)
    out = np.where(used, 1.0 / n_names[:, None], 0.0)
    fits = np.ones(len(codes), dtype=bool)
    caps = np.full(n_groups + 1, np.inf)
    caps[:n_groups] = np.inf if group_cap is None else group_cap
    # A hair of room: 1/40 forty times need not be 1 to the last bit.
    plain = (1.0 / n_names <= name_cap + TOLERANCE) & (counts / n_names[:, None] <= caps + TOLERANCE).all(axis=1)
    rest = np.flatnonzero(~plain)
    if rest.size == 0:
        return out, fits
    counts = counts[rest]
    limit = np.minimum(name_cap, caps / np.maximum(counts, 1))
    order = np.argsort(limit, axis=1, kind="stable")
    size, tight = np.take_along_axis(counts, order, axis=1), np.take_along_axis(limit, order, axis=1)
    room = np.cumsum(size * tight, axis=1)
    fits[rest] = room[:, -1] >= 1.0 - TOLERANCE
    left = np.cumsum(size[:, ::-1], axis=1)[:, ::-1]
    # θ of group j assumes those before it at their limits; the right one is the first that does not exceed its own.
    theta = (1.0 - (room - size * tight)) / np.maximum(left, 1)
    below = (theta <= tight * (1 + TOLERANCE)) & (left > 0)
    first = below.argmax(axis=1)
    level = np.where(below.any(axis=1), theta[np.arange(rest.size), first], np.inf)
    by_group = np.minimum(limit, level[:, None])
    out[rest] = np.where(used[rest], np.take_along_axis(by_group, np.where(codes < 0, n_groups, codes)[rest], 1), 0.0)
    return out, fits
