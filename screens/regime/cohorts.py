"""Consumers, cyclicals and credit: cohorts of the tape that feel a slowdown first.

1. Consumer cohorts are GICS sub-industries: restaurants, stores, travel, digital; today's classification.
2. A cohort's return is the mean of its members', compounded, less the equal-weighted members' of the index.
3. Sales fall where twelve months of revenue are below the twelve before, as known on the first session of the week.
4. Credit is the total return of a high-yield fund less that of a Treasury fund; no spread series is in every store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.regime.registry import signal
from screens.regime.rolling import Array, compounded

if TYPE_CHECKING:
    from screens.regime.tape import Tape

COHORTS: dict[str, tuple[str, ...]] = {
    "restaurants": ("Restaurants",),
    "stores": (
        "Apparel Retail",
        "Automotive Retail",
        "Computer & Electronics Retail",
        "Consumer Staples Merchandise Retail",
        "Food Retail",
        "Home Improvement Retail",
        "Homefurnishing Retail",
        "Other Specialty Retail",
    ),
    "travel": ("Casinos & Gaming", "Hotels, Resorts & Cruise Lines", "Passenger Airlines"),
    "digital": (
        "Broadline Retail",
        "Interactive Home Entertainment",
        "Interactive Media & Services",
        "Movies & Entertainment",
        "Passenger Ground Transportation",
    ),
}
COHORT = {"cohort": tuple(COHORTS)}
WINDOW = {"window": (5.0, 504.0)}
NOTE = "market note of November 2025"
CYCLICALS = ("Consumer Discretionary", "Industrials", "Materials")
DEFENSIVES = ("Consumer Staples", "Health Care", "Utilities")


@signal(
    unit="return",
    fragile="low",
    definition="mean return of members among {cohort} less the equal-weighted members', over {window} sessions",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW,
    choices=COHORT,
)
def consumer_return(tape: Tape, *, cohort: str = "restaurants", window: int = 63) -> Array:
    held = tape.mean_return(tape.industry_is(*COHORTS[cohort]))
    return compounded(held, window) - compounded(tape.equal_weighted_return, window)


@signal(
    unit="share of cohort",
    fragile="low",
    definition="share of members among {cohort} whose close is above their average of {window} closes",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW,
    choices=COHORT,
)
def consumer_breadth(tape: Tape, *, cohort: str = "restaurants", window: int = 50) -> Array:
    above, known = tape.above_average(window)
    return tape.share_of_members(above, known & tape.industry_is(*COHORTS[cohort]))


@signal(
    unit="share of cohort",
    fragile="high",
    definition="share of members among {cohort} whose revenue of twelve months is below that of the twelve before",
    source=NOTE,
    needs=("facts", "members"),
    choices=COHORT,
)
def consumer_sales_falling(tape: Tape, *, cohort: str = "restaurants") -> Array:
    now, before = tape.weekly_item("revenue", "ttm"), tape.weekly_item("revenue", "ttm", 4)
    counted = tape.members[tape.week_starts] & tape.industry_is(*COHORTS[cohort]) & np.isfinite(now) & (before > 0)
    n = counted.sum(axis=1)
    return tape.held((counted & (now < before)).sum(axis=1) / np.where(n > 0, n, np.nan))


@signal(
    unit="return",
    fragile="low",
    definition="mean return of members in consumer discretionary, industrials and materials less that in consumer"
    " staples, health care and utilities, over {window} sessions",
    source=NOTE,
    needs=("prices", "members"),
    bounds=WINDOW,
)
def cyclicals_minus_defensives(tape: Tape, *, window: int = 63) -> Array:
    cyclical, defensive = (tape.mean_return(tape.sector_is(*names)) for names in (CYCLICALS, DEFENSIVES))
    return compounded(cyclical, window) - compounded(defensive, window)


@signal(
    unit="return",
    fragile="low",
    definition="total return of {high_yield} less that of {treasury} over {window} sessions",
    source=NOTE,
    needs=("prices",),
    bounds=WINDOW,
)
def credit(tape: Tape, *, high_yield: str = "HYG", treasury: str = "SHY", window: int = 63) -> Array:
    """A store without one of the two funds has no such signal: unknown throughout."""
    if high_yield not in tape.tickers or treasury not in tape.tickers:
        return np.full(tape.n_sessions, np.nan)
    panel = tape.data.panel()
    risky, safe = (tape.returns[:, panel.column(name)] for name in (high_yield, treasury))
    return compounded(risky, window) - compounded(safe, window)


@signal(
    unit="as given",
    fragile="high",
    definition="the series {series} of the store's factors table, its last value held for ten sessions",
    source="the user",
    needs=("factors",),
)
def user_series(tape: Tape, *, series: str) -> Array:
    """Bring your own: option-adjusted spreads, the AI share of bond issuance, ... as dated values in `factors`."""
    out = np.full(tape.n_sessions, np.nan)
    if not tape.data.has("factors"):
        return out
    rows = tape.data.rows("factors")
    rows = rows[rows["name"] == series].sort_values("date")
    if rows.empty:
        return out
    sessions, days = tape.sessions.to_numpy(), rows["date"].to_numpy()
    last = np.searchsorted(days, sessions, side="right") - 1
    made = np.searchsorted(sessions, days, side="left")
    fresh = (last >= 0) & (np.arange(tape.n_sessions) - made[np.maximum(last, 0)] <= 10)
    out[fresh] = rows["value"].to_numpy(dtype=np.float64)[last[fresh]]
    return out
