"""Exposure and turnover of a finished account, as fractions of its NAV.

1. long = value held long / NAV; short = value held short / NAV (negative); gross = long - short; net = long + short.
2. Turnover is one-way: half of what was bought and sold, over the average NAV, a year of 252 sessions.
3. Entering the first positions is no turnover: it is left out.

vectorbt's own exposure divides by value plus free cash, which is meaningless once proceeds of shorts are cash.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from backtest.simulate import Simulation

SESSIONS_PER_YEAR: Final = 252  # NYSE average


def exposures(simulation: Simulation) -> pd.DataFrame:
    """`long, short, gross, net` by session as fractions of NAV; NaN from a ruin on."""
    alive = np.arange(len(simulation.nav)) < (len(simulation.nav) if simulation.ruined is None else simulation.ruined)
    nav = np.where(alive & (simulation.nav > 0), simulation.nav, np.nan)
    long, short = simulation.long_value / nav, simulation.short_value / nav
    return pd.DataFrame(
        {"long": long, "short": short, "gross": long - short, "net": long + short}, index=simulation.sessions
    )


def sleeve_exposures(simulation: Simulation) -> pd.DataFrame:
    """Signed value of each sleeve over NAV, sessions x sleeves."""
    nav = np.where(simulation.nav > 0, simulation.nav, np.nan)
    return pd.DataFrame(simulation.value / nav[:, None], index=simulation.sessions, columns=list(simulation.sleeves))


def turnover(simulation: Simulation) -> pd.Series:
    """One-way turnover a year by sleeve and in `total`, decimal of average NAV; a sleeve's first trade is left out."""
    orders = simulation.orders
    n_sessions = len(simulation.nav)
    average = float(np.mean(np.maximum(simulation.nav, 0.0)))
    years = max(n_sessions - 1, 1) / SESSIONS_PER_YEAR
    out = {}
    for sleeve in simulation.sleeves:
        mine = orders[orders["sleeve"] == sleeve]
        later = mine[mine["date"] > mine["date"].min()] if len(mine) else mine
        out[sleeve] = float(later["notional"].abs().sum()) / 2.0 / average / years
    out["total"] = sum(out.values())
    return pd.Series(out, name="turnover")
