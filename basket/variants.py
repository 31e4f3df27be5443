"""The same rules with the junk taken out, and with hindsight put in: what a basket must be compared with.

1. `best_quality`: the pools of a basket in reverse order, so the best names behind the same gate.
2. `random_histories`: each draw gives every name a random place that it keeps, so that the buffer and the turnover are
   those of a basket; the draws are independent and reproducible from one seed.
3. `todays_members`: the same market with membership as it is on the last session, at all dates: the hindsight of a
   backtest on today's index.

The first two reuse the pools: no screen is evaluated again. Draws of an equally weighted basket are made together.
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
from basket.many_levels import build_histories
from basket.many_walks import walk_many
from basket.pool import Pool
from basket.sizing import Sizer
from basket.walk import walk
from basket.weight_spec import Equal
from market.errors import InfeasibleError

if TYPE_CHECKING:
    from market.market import Market


Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TRIES = 20  # draws for each one wanted, before it is said that the caps leave hardly any
AT_ONCE = 100  # draws: enough to share the work, few enough that a block stays in tens of megabytes


def best_quality(basket: Basket) -> Basket:
    """The basket of the names that its screen ranks last: the best companies behind the same gate."""
    pools = tuple(
        replace(pool, rank=pool.size + 1.0 - pool.rank, score=-pool.score) if pool.size else pool
        for pool in basket.pools
    )
    size = _fresh(basket)
    try:
        history = _history(basket, pools, size)
    except InfeasibleError as error:
        raise InfeasibleError(
            f"the best names behind the gate of {basket.name}: {error}; "
            "leave them out with placebos: {best_quality: false}"
        ) from None
    return replace(basket, pools=pools, size=size, history=history, screened={})


def random_histories(basket: Basket, n_draws: int, seed: int) -> Iterator[LevelHistory]:
    """Indices of names drawn at random from the basket's pools, by its rules of buffer, limits and weights.

    A draw that the caps cannot hold is left out and another takes its place; what draw k is depends on the seed and k
    alone. Weights (`.weights`, at `.rebalances`) and returns as in `build_history`. Raises `InfeasibleError` where
    hardly any draw can hold.
    """
    n_assets = len(basket.history.prices.tickers)
    found = first = 0
    while found < n_draws:
        if first >= TRIES * n_draws + AT_ONCE:
            raise InfeasibleError(
                f"{basket.name}: of {first} random draws from its pools only {found} can hold its caps; loosen the "
                "sector or name cap, or ask for no random placebos"
            )
        draws = range(first, first + min(AT_ONCE, n_draws - found))
        orders = np.array([np.argsort(np.random.default_rng([seed, draw]).permutation(n_assets)) for draw in draws])
        first += len(draws)
        for history in in_orders(basket, orders):
            if history is not None:
                found += 1
                yield history


def in_orders(basket: Basket, orders: Ints) -> Iterator[LevelHistory | None]:
    """The index of each order (n_draws, n_assets) of all columns, the first choice first, behind the basket's gate.

    None where the caps cannot hold.
    """
    if _even(basket):
        at, prices, name_cap = _rebalances(basket), basket.history.prices, basket.size.weights.name_cap or 1.0
        wanted, hold = walk_many(basket.pools, at, prices, basket.limits, orders, name_cap)
        level = basket.spec.level
        made = build_histories(
            at, wanted, prices, end=basket.sessions[-1], initial=level.initial, on_delete=level.on_delete
        )
        yield from (history if fits else None for history, fits in zip(made, hold.tolist(), strict=True))
        return
    for order in orders:
        try:
            yield one_by_one(basket, order)
        except InfeasibleError:
            yield None


def one_by_one(basket: Basket, order: Ints) -> LevelHistory:
    """The index of one order (n_assets,), whatever the rules of the basket are."""
    ranks = []
    for pool in basket.pools:
        may = order[np.isfinite(pool.rank)[order]]
        rank = np.full(order.size, np.nan)
        rank[may] = np.arange(1.0, may.size + 1.0)
        ranks.append(rank)
    return _history(basket, basket.pools, _fresh(basket), ranks)


def _even(basket: Basket) -> bool:
    """Whether the rules are those that many draws can share: equal weights, one tranche, no cap but name and sector."""
    rules = basket.size
    plain = isinstance(rules.weights, Equal) and not rules.targets and rules.turnover_cap is None
    only = (rules.weights.liquidity, rules.weights.borrow, rules.weights.issuer_cap) == (None, None, None)
    return plain and only and basket.limits.tranches == 1 and not basket.actions


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
    at = _rebalances(basket)
    walked = walk(pools, at, basket.history.prices, basket.limits, size, ranks, basket.actions)
    return build_history(
        (at, walked.weights),
        basket.history.prices,
        end=basket.sessions[-1],
        initial=basket.spec.level.initial,
        on_delete=basket.spec.level.on_delete,
        actions=basket.actions,
    )


def _rebalances(basket: Basket) -> Ints:
    return basket.history.prices.sessions.get_indexer(basket.signal_sessions.index).astype(np.int64)
