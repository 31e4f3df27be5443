"""What a trade is expected to cost before it is made: half the spread, and the square-root law of impact.

1. Without quotes the half-spread goes by market capitalisation: 1 bp above 50 bn USD, 2, 5, 12, and 30 below 0.5 bn.
2. Impact of trading Q: `Y·σ·√(Q/ADV)`, σ the daily volatility, Q/ADV at most 1.

Reference for the form: Almgren et al. (2005), "Direct Estimation of Equity Market Impact", Risk 18(7). The tiers are a
choice of ours.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

IMPACT_COEFFICIENT = 1.0  # Y; the literature has 0.5 to 1.5
SIZE_LIMITS_USD = (0.5e9, 2e9, 10e9, 50e9)
HALF_SPREADS = (30e-4, 12e-4, 5e-4, 2e-4, 1e-4)  # fractions of the price, one more than the limits


def half_spread(market_cap: npt.ArrayLike) -> Floats:
    """Half the spread as a fraction of the price, from market capitalisation in USD; unknown counts as the smallest.

    >>> half_spread([3e12, 1e9, float("nan")]).tolist()
    [0.0001, 0.0012, 0.003]
    """
    tier = np.searchsorted(SIZE_LIMITS_USD, np.nan_to_num(np.asarray(market_cap, dtype=np.float64)), side="right")
    return np.asarray(HALF_SPREADS)[tier]


def impact(traded: Floats, adv_usd: Floats, volatility: Floats, coefficient: float = IMPACT_COEFFICIENT) -> Floats:
    """Cost as a fraction of what is traded (USD), by the square-root law; NaN without volume or volatility.

    >>> impact(np.array([1e6]), np.array([1e8]), np.array([0.02])).round(6).tolist()
    [0.002]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.minimum(np.abs(traded) / adv_usd, 1.0)
    return np.asarray(coefficient * volatility * np.sqrt(share))
