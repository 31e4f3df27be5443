"""The same basket with the junk taken out: what its rules earn without its idea.

1. Best quality: the pools of every rebalance in reverse order, so that the soundest names behind the same gate are short.
2. Random: each draw gives every company one random place in line and keeps it through time, so that a draw turns over
   through gate and membership only, like a strategy and unlike noise.
3. Buffer, caps, schedule, hedge estimator, costs and financing are the run's own.

The band of the draws says how much of a result comes from the gate and from having forty names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.legs import walk as ratio_walk
from backtest.simulate import Variant
from basket.level import build_history
from basket.pool import rank_again
from basket.prices import prices_of
from basket.walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.accounts import Accounts
    from backtest.broadcast import Floats
    from backtest.simulate.account import Targets

BEST_QUALITY, RANDOM = "placebo: best quality", "placebo: random"


@dataclass(frozen=True)
class Placebo:
    """A basket by the same rules in another order, and the account hedged with it.

    returns: of its level, by session. path: its own walk-forward ratio at the checks. nav: (n_sessions,) USD.
    """

    name: str
    returns: pd.Series
    path: pd.Series
    nav: Floats


def placebos(accounts: Accounts) -> tuple[Placebo | None, list[Placebo]]:
    """Best quality, and the random draws; seeded, so that a run repeats to the bit."""
    spec = accounts.legs.spec.placebos
    pools = accounts.legs.short.pools
    n_assets = len(accounts.legs.data.tickers)
    orders: list[tuple[str, list[Floats]]] = []
    if spec.best_quality:
        orders.append((BEST_QUALITY, [rank_again(-pool.rank, np.isfinite(pool.rank)) for pool in pools]))
    stream = np.random.default_rng(spec.seed)
    for draw in range(spec.random_draws):
        place = stream.permutation(n_assets).astype(np.float64)
        orders.append((f"{RANDOM} {draw}", [rank_again(place, np.isfinite(pool.rank)) for pool in pools]))
    made = reordered(accounts, orders)
    return (made[0], made[1:]) if spec.best_quality else (None, made)


def reordered(accounts: Accounts, orders: Sequence[tuple[str, list[Floats]]]) -> list[Placebo]:
    """The run's basket with the names of each pool in another order, hedged by the run's rules."""
    legs = accounts.legs
    short, prices = legs.short, prices_of(legs.data)
    at = short.history.rebalances.astype(np.int64)
    kind = legs.spec.hedge.estimator
    parameters = legs.parameters(kind)
    first = int(legs.data.sessions.searchsorted(legs.sessions[0]))
    found: list[tuple[str, pd.Series, pd.Series, Targets]] = []
    for name, ranks in orders:
        walked = walk(short.pools, at, prices, short.buffer, short.size, ranks)
        history = build_history(
            (at, walked.weights), prices, end=legs.sessions[-1], on_delete=short.spec.level.on_delete
        )
        returns = pd.Series(history.returns, index=short.sessions[1:], name=name)
        path = ratio_walk(legs.spec.hedge, kind, legs.book.returns, returns, legs.checks, parameters)["target"]
        columns, drifted = history.drifted()
        opening = np.zeros(len(prices.tickers))
        opening[columns] = drifted[first - int(at[0])]
        targets = {int(t) - first: w for t, w in zip(at, walked.weights, strict=True) if t >= first}
        targets.setdefault(0, opening)
        found.append((name, returns, path, targets))
    variants = [Variant(shorts=(accounts.hedged_by(targets, path),)) for _, _, path, targets in found]
    nav = accounts.many(variants).nav
    return [Placebo(n, r, p, row) for (n, r, p, _), row in zip(found, nav, strict=True)]
