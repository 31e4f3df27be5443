"""What a basket would hold if it were renewed on what one session knows: the target of today's trade list.

The same pool, buffer and sizing as in a history, with one rebalance; what is held already counts as incumbent, and the
prices are those of the session itself.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.building import (
    Spec,
    default_weights,
    exclusions,
    fewest_names,
    limits_of,
    read_spec,
    short_of_names,
)
from basket.built import Basket
from basket.pool import Pool
from basket.prices import prices_of
from basket.sizing import Sizer
from basket.sources import Sourcing, too_few
from basket.walk import Limits, renew

if TYPE_CHECKING:
    from market.market import Market
    from market.view import View

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """Target weights (n_assets,) on the tickers of the data, and what they were chosen from.

    unknown_tags: tags whose names are to be left out, and that the data do not know.
    """

    spec: Spec
    view: View
    weights: Floats
    pool: Pool
    limits: Limits
    notes: tuple[tuple[str, float, str], ...]
    unknown_tags: tuple[str, ...] = ()


def decide(
    spec: str | os.PathLike[str] | Spec,
    data: Market,
    as_of: str | pd.Timestamp | None = None,
    *,
    held: pd.Series | None = None,
    exclude: Collection[str] | Basket = (),
    book: Basket | None = None,
) -> Decision:
    """The target on what `as_of` (by default the last session) knows.

    held: current weights by ticker, positive; they are the incumbents, and a turnover cap is measured against them.
    Raises `ConfigError` for a day on which the exchange is closed, `DataError` for one outside the data,
    `InfeasibleError` where rules cannot hold.
    """
    chosen = read_spec(spec)
    session = data.session(as_of)
    at = int(data.sessions.searchsorted(session))
    sourcing = Sourcing(chosen, data, prices_of(data), exclusions(exclude, chosen, data))
    if held is not None:
        # Of a company's lines the one that is held stays, as it does from one rebalance to the next.
        sourcing.lines.update(zip(data.securities.loc[held.index, "issuer"].astype(str), held.index, strict=True))
    pool = sourcing.pool(session, at)
    weights = chosen.weights or default_weights(chosen)
    wanted = pool.count
    if pool.size < fewest_names(weights, wanted):
        raise too_few(pool, session, wanted, fewest_names(weights, wanted))
    known = {} if book is None else {0: book.weights_known_at(session, data.tickers)}
    size = Sizer(weights, data, pd.DatetimeIndex([session]), chosen.targets, chosen.turnover_cap, known)
    limits = limits_of(chosen, sourcing, weights)
    drifted = np.zeros(len(data.tickers))
    if held is not None and len(held):
        drifted[data.tickers.get_indexer(held.index)] = np.abs(held.to_numpy(dtype=float))
        drifted /= drifted.sum()
    # Whatever is held has been held for long enough: the file does not say since when.
    age = np.where(drifted > 0, np.iinfo(np.int64).max, 0)
    target, count = renew(0, pool, pool.rank, drifted > 0, age, drifted, limits, size)
    notes = [(event, value, text) for _, event, value, text in size.notes]
    if count < pool.count:
        notes.append(("short_of_names", float(count), short_of_names(pool, count)))
    return Decision(
        chosen,
        data.as_of(session),
        target,
        pool,
        limits,
        tuple(notes),
        sourcing.unknown_tags,
    )
