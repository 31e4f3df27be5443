"""Liquidity: how much trades, and what trading does to the price.

1. Dollar volume is the median of close times volume; a name needs half of the window.
2. Price impact is the mean absolute daily return per dollar of that median volume (daily volumes stay in the market).
3. All are neutral: a company is not weak because it trades little, but a hedge in it is dear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import price_history
from screens.metrics.tier_rule import plain
from screens.registry import Values, metric

if TYPE_CHECKING:
    from market.view import View

USD_OF_IMPACT = 1e6


@metric(
    family="liquidity",
    unit="USD",
    direction="neutral",
    formula="median of close x volume over 63 sessions",
    source="own definition",
    needs=("table:prices",),
    bounds={"sessions": (5, 252)},
)
def dollar_volume(view: View, *, sessions: int = 63) -> Values:
    return plain(view.dollar_volume(sessions))


@metric(
    family="liquidity",
    unit="return per million USD",
    direction="neutral",
    formula="mean absolute return of 63 sessions / median dollar volume in millions",
    source="Amihud (2002), J. Financial Markets 5(1), with the median volume in place of each day's",
    needs=("table:prices",),
)
def price_impact(view: View) -> Values:
    mean = price_history.sum_of_sizes(view, 63) / price_history.counts(view, 63)
    volume = view.dollar_volume(63)
    return plain(np.where((volume > 0) & price_history.enough(view, 63), mean / (volume / USD_OF_IMPACT), np.nan))


@metric(
    family="liquidity",
    unit="share of market cap a session",
    direction="neutral",
    formula="median dollar volume over 63 sessions / market cap",
    source="Datar, Naik and Radcliffe (1998), J. Financial Markets 1(2)",
    needs=("table:prices", "table:market_cap"),
)
def share_turnover(view: View) -> Values:
    cap = view.market_cap()
    return plain(np.where(cap > 0, view.dollar_volume(63) / cap, np.nan))


@metric(
    family="liquidity",
    unit="USD",
    direction="neutral",
    formula="market cap",
    source="own definition",
    needs=("table:market_cap",),
)
def market_cap(view: View) -> Values:
    return plain(view.market_cap())


@metric(
    family="liquidity",
    unit="USD",
    direction="neutral",
    formula="close as traded",
    source="own definition",
    needs=("table:prices",),
)
def price(view: View) -> Values:
    return plain(view.close())


@metric(
    family="liquidity",
    unit="share of sessions",
    direction="neutral",
    formula="sessions with a return among the last 63",
    source="own definition",
    needs=("table:prices",),
)
def traded_share(view: View) -> Values:
    return plain(price_history.counts(view, 63) / 63)
