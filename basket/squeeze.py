"""How crowded a short is: the mean percentile of what squeezes have in common.

`SQ = mean pct(short interest of float, days to cover, 21-session return, 21-session idiosyncratic volatility, fee)`
over the stocks priced that day, of the figures that are known; then a percentile of its own. The idiosyncratic part is
what the market's return (SPY) leaves of the last 21 sessions, with the beta of 252.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from basket.exposures import BETA_SESSIONS, betas

if TYPE_CHECKING:
    from market.view import View

Floats = npt.NDArray[np.float64]

MONTH = 21


def percentile_of(values: Floats, among: npt.NDArray[np.bool_]) -> Floats:
    """(rank − ½)/n among the names with a figure, ties at their average; NaN for the others.

    >>> percentile_of(np.array([3.0, 1.0, 1.0, np.nan]), np.ones(4, dtype=bool)).round(4).tolist()
    [0.8333, 0.3333, 0.3333, nan]
    """
    out = np.full(values.size, np.nan)
    rows = np.flatnonzero(among & np.isfinite(values))
    if rows.size == 0:
        return out
    ordered = np.sort(values[rows])
    low = np.searchsorted(ordered, values[rows], side="left")
    high = np.searchsorted(ordered, values[rows], side="right")
    out[rows] = ((low + high + 1) / 2 - 0.5) / rows.size
    return out


def squeeze_percentile(view: View, market: str = "SPY") -> Floats:
    """Percentile of the squeeze score (n_assets,); NaN for names that are no stock or have no price."""
    among = view.is_stock() & np.isfinite(view.close())
    returns, benchmark = view.returns(BETA_SESSIONS), view.series(market, BETA_SESSIONS)
    closes = view.closes(MONTH + 1)
    volume = view.dollar_volume(20) / view.close()
    residual = returns[-MONTH:] - benchmark[-MONTH:, None] * np.nan_to_num(betas(returns, benchmark), nan=1.0)
    parts = [
        view.short_interest("short_percent_of_float"),
        view.short_interest("shares_short") / volume,
        closes[-1] / closes[0] - 1.0,
        np.where(np.isfinite(residual).all(axis=0), np.nan_to_num(residual).std(axis=0, ddof=1), np.nan),
        view.borrow_fee(),
    ]
    ranks = np.array([percentile_of(part, among) for part in parts])
    known = np.isfinite(ranks)
    mean = np.where(known, ranks, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return percentile_of(np.where(known.any(axis=0), mean, np.nan), among)
