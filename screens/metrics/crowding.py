"""Crowding and squeeze: how many others are short, and how violently the name can run.

1. Short interest is the last one published by the session; fees are those a view knows (dated, else tier).
2. Idiosyncratic volatility is that of what the market does not explain, annualised.
3. The squeeze score is the mean percentile of short interest, days to cover, run-up, idiosyncratic volatility and fee,
   over stocks, with at least three of the five known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import price_history
from screens.metrics.cross_section import mean_known, percentile
from screens.metrics.momentum import simple_betas
from screens.metrics.price_history import SESSIONS_A_MONTH, SESSIONS_A_YEAR
from screens.metrics.tier_rule import Floats, plain
from screens.registry import Values, metric

if TYPE_CHECKING:
    from market.view import View

SESSIONS_OF_VOLUME = 21


@metric(
    family="crowding",
    unit="share of float",
    direction="higher_is_worse",
    formula="shares short / float, as last published",
    source="Asquith, Pathak and Ritter (2005), J. Financial Economics 78(2)",
    needs=("table:short_interest",),
)
def short_percent_of_float(view: View) -> Values:
    return plain(view.short_interest("short_percent_of_float") / 100)


@metric(
    family="crowding",
    unit="sessions",
    direction="higher_is_worse",
    formula="shares short / (median dollar volume of 21 sessions / close)",
    source="Hong, Li, Ni, Scheinkman and Yan (2015), NBER Working Paper 21166",
    needs=("table:short_interest", "table:prices"),
)
def days_to_cover(view: View) -> Values:
    """Where only the percentage of float is published, the float is taken to be all shares."""
    short = view.short_interest("shares_short")
    whole = view.market_cap() / view.close() * view.short_interest("short_percent_of_float") / 100
    volume = view.dollar_volume(SESSIONS_OF_VOLUME) / view.close()
    return plain(np.where(volume > 0, np.where(np.isnan(short), whole, short) / volume, np.nan))


@metric(
    family="crowding",
    unit="volatility a year",
    direction="higher_is_worse",
    formula="residual standard deviation of daily returns on the market's over 21 sessions x sqrt(252)",
    source="Ang, Hodrick, Xing and Zhang (2006), J. Finance 61(1)",
    needs=("table:prices", "table:rates"),
    bounds={"window": (15, 2520)},
)
def idiosyncratic_volatility(view: View, *, market: str = "SPY", window: int = 21) -> Values:
    return plain(simple_betas(view, market, window)[1] * np.sqrt(SESSIONS_A_YEAR))


@metric(
    family="crowding",
    unit="return",
    direction="neutral",
    formula="total return of the last 5 sessions",
    source="own definition",
    needs=("table:prices",),
    bounds={"sessions": (2, 126)},
)
def run_up(view: View, *, sessions: int = 5) -> Values:
    return plain(price_history.compounded(view, sessions))


@metric(
    family="crowding",
    unit="rate a year",
    direction="higher_is_worse",
    formula="dated borrow fee where at most 20 sessions old, else the tier of the name",
    source="D'Avolio (2002), J. Financial Economics 66, for the tiers",
    needs=("table:borrow", "table:market_cap", "table:short_interest"),
)
def borrow_fee(view: View) -> Values:
    return plain(view.borrow_fee())


@metric(
    family="crowding",
    unit="percentile",
    direction="higher_is_worse",
    formula="mean percentile of short interest, days to cover, 21-session return and idiosyncratic volatility, and fee",
    source="own definition",
    needs=("table:short_interest", "table:prices", "table:borrow", "table:rates"),
)
def squeeze_score(view: View) -> Values:
    """High is dangerous to be short of; as a filter it takes names out, as a score it would seek them."""
    parts: list[Floats] = [
        short_percent_of_float(view).value,
        days_to_cover(view).value,
        price_history.compounded(view, SESSIONS_A_MONTH),
        idiosyncratic_volatility(view).value,
        np.where(view.borrow_known(), view.borrow_fee(), np.nan),
    ]
    stocks = view.is_stock()
    return plain(mean_known([percentile(part, stocks) for part in parts], fewest=3))
