"""The same rules with the junk taken out, and with hindsight put in: what a basket must be compared with.

1. `best_quality`: the pools of a basket in reverse order, so the best names behind the same gate.
2. `random_histories`: each draw gives every name a random place that it keeps, so that the buffer and the turnover are
   those of a basket; the draws are independent and reproducible from one seed.
3. `todays_members`: the same market with membership as it is on the last session, at all dates: the hindsight of a
   backtest on today's index.

The first two reuse the pools: no screen is evaluated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.built import Basket
from basket.level import LevelHistory, build_history
from basket.pool import Pool
from basket.sizing import Sizer
from basket.walk import walk

if TYPE_CHECKING:
    from market.market import Market


Floats = npt.NDArray[np.float64]


def best_quality(basket: Basket) -> Basket:
    """The basket of the names that its screen ranks last: the best companies behind the same gate."""
    pools = tuple(
        replace(pool, rank=pool.size + 1.0 - pool.rank, score=-pool.score) if pool.size else pool
        for pool in basket.pools
    )
    size = _fresh(basket)
    history = _history(basket, pools, size)
    return replace(basket, pools=pools, size=size, history=history, screened={})


def random_histories(basket: Basket, n_draws: int, seed: int) -> Iterator[LevelHistory]:
    """Indices of names drawn at random from the basket's pools, by its rules of buffer, limits and weights.

    Draw k depends on the seed and k alone. Weights (`.weights`, at `.rebalances`) and returns as in `build_history`.
    """
    n_assets = len(basket.history.prices.tickers)
    allowed = [np.flatnonzero(np.isfinite(pool.rank)) for pool in basket.pools]
    for draw in range(n_draws):
        place = np.random.default_rng([seed, draw]).permutation(n_assets)
        ranks = []
        for may in allowed:
            rank = np.full(n_assets, np.nan)
            rank[may[np.argsort(place[may])]] = np.arange(1.0, may.size + 1.0)
            ranks.append(rank)
        yield _history(basket, basket.pools, _fresh(basket), ranks)


def random_returns(basket: Basket, n_draws: int, seed: int) -> pd.DataFrame:
    """Total returns of random draws: sessions after the inception × draws."""
    drawn = np.column_stack([history.returns for history in random_histories(basket, n_draws, seed)])
    return pd.DataFrame(drawn, index=basket.sessions[1:], columns=pd.RangeIndex(n_draws, name="draw"))


def todays_members(data: Market, index: str = "sp500") -> Market:
    """The market with each of the last session's members a member from the beginning, and nobody else."""
    now = data.members_on(index, data.end)
    everywhere = pd.DataFrame({"index": index, "ticker": now, "start": data.start, "end": pd.NaT})
    kept = data.table("members")
    return data.with_tables(members=pd.concat([kept[kept["index"] != index], everywhere], ignore_index=True))


def _fresh(basket: Basket) -> Sizer:
    """The basket's sizing with no notes taken yet."""
    return replace(basket.size, notes=[])


def _history(basket: Basket, pools: Sequence[Pool], size: Sizer, ranks: Sequence[Floats] | None = None) -> LevelHistory:
    at = basket.history.prices.sessions.get_indexer(basket.signal_sessions.index).astype(np.int64)
    walked = walk(pools, at, basket.history.prices, basket.limits, size, ranks)
    return build_history(
        (at, walked.weights),
        basket.history.prices,
        end=basket.sessions[-1],
        initial=basket.spec.level.initial,
        on_delete=basket.spec.level.on_delete,
        actions=basket.actions,
    )
