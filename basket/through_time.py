"""A basket through time: what it was exposed to at each rebalance, and how much of it the long book held too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from basket.exposures import EXPOSURES, exposures, of_portfolio, sector_weights

if TYPE_CHECKING:
    from basket.built import Basket


def exposures_through_time(basket: Basket, market: str = "SPY") -> pd.DataFrame:
    """Rebalance sessions × (beta, size, value, momentum, quality, `sector: …`), as each signal session knew them."""
    rows: list[dict[str, float]] = []
    for number, signal in enumerate(basket.signal_sessions.iloc[: len(basket.rebalances)]):
        view = basket.market.as_of(signal)
        known = exposures(view, market)
        weights = basket.history.weights[number]
        row = {name: of_portfolio(known[name], weights) for name in EXPOSURES}
        row.update({f"sector: {name}": weight for name, weight in sector_weights(view.sector(), weights).items()})
        rows.append(row)
    frame = pd.DataFrame(rows, index=basket.rebalances)
    sectors = [column for column in frame.columns if column.startswith("sector: ")]
    frame[sectors] = frame[sectors].fillna(0.0)
    return frame[[*EXPOSURES, *sorted(sectors)]]


def overlap_through_time(basket: Basket, other: Basket) -> pd.Series:
    """Σ min(w, v) over the names both hold long, at each close of both; 0 is none, 1 the same portfolio."""
    one, two = basket.drifted_weights(), other.drifted_weights()
    names = one.columns.intersection(two.columns)
    sessions = one.index.intersection(two.index)
    mine = np.maximum(one.loc[sessions, names].to_numpy(), 0.0)
    theirs = np.maximum(two.loc[sessions, names].to_numpy(), 0.0)
    return pd.Series(np.minimum(mine, theirs).sum(axis=1), index=sessions, name="overlap")
