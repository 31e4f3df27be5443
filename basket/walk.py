"""From pools to target weights: the rules applied at one rebalance after another.

1. What is held drifts with prices to the rebalance; names that ended are gone, those that became another are that one.
2. Each tranche whose turn it is chooses its names anew from the pool, its own names being the incumbents.
3. The names get weights; the tranche's money is spread by them. The other tranches keep what they hold.
4. The target is the sum of the tranches.

No prices beyond a rebalance's own close are used, and no frames: a walk of 40 names over 30 rebalances takes
milliseconds, so that hundreds of random draws from the same pools are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.actions import CorporateAction
from basket.caps import group_room
from basket.pool import Pool
from basket.prices import IndexPrices
from basket.schedule import tranche_of
from basket.selection import choose
from market.errors import InfeasibleError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Size = Callable[[int, Pool, Ints, Floats, Bools], Floats]


@dataclass(frozen=True)
class Limits:
    """The selection's limits beside the count. The caps keep a sector from outgrowing what they can hold."""

    min_hold: int = 0
    max_per_sector: int | None = None
    max_per_issuer: int | None = None
    name_cap: float | None = None
    sector_cap: float | None = None
    tranches: int = 1

    def sector_limit(self, n_names: int, n_sectors: int) -> int | None:
        """Most names of one sector: the rule's own, or what the caps leave room for where they can hold at all."""
        if self.sector_cap is None or self.name_cap is None or n_sectors * self.sector_cap < 1:
            return self.max_per_sector
        room = max(1, group_room(n_names, self.name_cap, self.sector_cap))
        return room if self.max_per_sector is None else min(room, self.max_per_sector)


@dataclass(frozen=True)
class Walk:
    """weights (n_rebalances, n_assets) wanted; held: names that each rebalance chose, of the fewest-named tranche."""

    weights: Floats
    held: tuple[int, ...]


def walk(
    pools: Sequence[Pool],
    at: Ints,
    prices: IndexPrices,
    limits: Limits,
    size: Size,
    ranks: Sequence[Floats] | None = None,
    actions: Sequence[CorporateAction] = (),
) -> Walk:
    """Target weights at the rebalances `at` (session positions), one pool each.

    ranks: another order of the same pools (n_assets, each), NaN where the pool has NaN; by default the pools' own.
    actions: in order of date; what a merger or a new symbol turns a name into keeps its place as an incumbent.
    """
    n_assets = len(prices.tickers)
    shares = np.zeros((limits.tranches, n_assets))
    age = np.zeros((limits.tranches, n_assets), dtype=np.int64)
    weights = np.zeros((len(pools), n_assets))
    held: list[int] = []
    previous = -1
    for number, turn in enumerate(tranche_of(len(pools), limits.tranches)):
        fill = int(at[number])
        pool = pools[number]
        rank = pool.rank if ranks is None else ranks[number]
        value = prices.value[fill]
        for action in actions:
            _become(shares, age, action, prices, previous, fill)
        gone = ended(prices, previous, fill)
        if gone.size:
            shares[:, gone] = 0.0
        worth = shares @ value
        # At the inception each tranche has its part; one that lost all its names starts anew with the others' mean.
        worth = np.where(worth > 0, worth, worth[worth > 0].mean() if (worth > 0).any() else 1.0 / limits.tranches)
        counts = []
        for tranche in turn:
            incumbent = shares[tranche] != 0
            drifted = shares[tranche] * value / worth[tranche]
            target, count = renew(number, pool, rank, incumbent, age[tranche], drifted, limits, size)
            buyable = np.where(prices.traded[fill] | incumbent, target, 0.0)
            if buyable.sum() > 0:
                target = buyable / buyable.sum()
            shares[tranche] = np.divide(worth[tranche] * target, value, out=np.zeros(n_assets), where=value > 0)
            age[tranche] = np.where(shares[tranche] != 0, age[tranche] + 1, 0)
            counts.append(count)
        total = shares * value
        weights[number] = total.sum(axis=0) / total.sum()
        held.append(min(counts))
        previous = fill
    return Walk(weights, tuple(held))


def renew(
    number: int, pool: Pool, rank: Floats, incumbent: Bools, age: Ints, drifted: Floats, limits: Limits, size: Size
) -> tuple[Floats, int]:
    """Choose and weigh anew: target weights (n_assets,) and how many names were chosen."""
    allowed = np.isfinite(rank)
    chosen = choose(
        rank,
        incumbent,
        count=pool.count,
        enter_rank=pool.enter_rank,
        exit_rank=pool.exit_rank,
        age=age,
        min_hold=limits.min_hold,
        sector=pool.sector,
        max_per_sector=limits.sector_limit(min(pool.count, pool.size), pool.n_sectors),
        issuer=pool.issuer,
        max_per_issuer=limits.max_per_issuer,
    )
    try:
        return size(number, pool, chosen.held, drifted, incumbent & ~allowed), chosen.held.size
    except InfeasibleError as error:
        left = min(pool.count, pool.size) - chosen.held.size
        if left == 0:
            raise
        raise InfeasibleError(
            f"{error}. {left} of {pool.count} places are empty: {chosen.passed_over.size} names were passed over for a "
            "full sector or company"
        ) from None


def _become(shares: Floats, age: Ints, action: CorporateAction, prices: IndexPrices, previous: int, fill: int) -> None:
    """Change `shares` and `age` (n_tranches, n_assets) as a merger or a new symbol between two rebalances does."""
    session = int(prices.sessions.searchsorted(action.session))
    if not previous < session <= fill or previous < 0 or action.kind == "spin_off":
        return
    old, new = (int(at) for at in prices.tickers.get_indexer(pd.Index([action.ticker, action.into])))
    if old < 0 or any(previous < ending.session < session for ending in prices.endings.get(old, ())):
        return
    if action.kind != "cash_merger" and new >= 0:
        ratio = action.ratio * prices.factor[session - 1, old] / prices.factor[session, new]
        age[:, new] = np.where(shares[:, old] != 0, np.maximum(age[:, old], age[:, new]), age[:, new])
        shares[:, new] += ratio * shares[:, old]
    shares[:, old] = 0.0


def ended(prices: IndexPrices, previous: int, fill: int) -> Ints:
    """Columns whose name ended after the previous rebalance, up to this one."""
    return np.array(
        [c for c, ends in prices.endings.items() if any(previous < e.session <= fill for e in ends)], dtype=np.int64
    )
