"""What it would have cost had lenders called their shares back: the run's account again, under seeded recalls.

1. Recalls are off in a run that does not ask for them. Here they are drawn as `backtest.recalls` draws them, once at
   D'Avolio's rate (2 % of specials a month, a tenth of it for the rest) and once at five times that.
2. Each draw is one account: bought in at that close, out of the name for 23 sessions, every fee and spread paid.
3. Its cost is the NAV without recalls less the NAV with them, in bps of average NAV a year. It may be negative: who is
   thrown out of a short that then rises has been done a favour. The dear case is its upper end, and the worst month.

A recall here is blind to the price. Lenders call when a name squeezes, which is why the higher rate is there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest import frames
from backtest.holding_short import bought_in
from backtest.margin import SQUEEZE_SESSIONS
from backtest.short_spec import Recalls as Rules
from backtest.short_terms import recalls_of

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.simulate import Simulation

HAZARDS = (0.02, 0.10)  # of a special, a month
DRAWS = 20
SEED = 6


def recall_stress(accounts: Accounts, path: pd.Series, hedged: Simulation, draws: int = DRAWS) -> pd.DataFrame:
    """One row a hazard: `buy_ins` a year (mean), `cost_mean, cost_low, cost_high` (bps of NAV a year, 5 and 95 %),
    `worst_month`: the most that recalls took from NAV within 21 sessions in any draw, as a fraction of it.

    hedged  the account of the run; index the hazard a month. Empty where no basket is borrowed, or where the run has
    recalls of its own.
    """
    spec = accounts.legs.spec
    columns = ["buy_ins", "cost_mean", "cost_low", "cost_high", "worst_month"]
    if spec.recalls is not None or spec.implementation != "stock":
        return pd.DataFrame(columns=columns, index=pd.Index([], name="hazard_per_month"))
    years, average = frames.years(hedged.sessions), float(hedged.nav.mean())
    rows = []
    for hazard in HAZARDS:
        buy_ins, costs, worst = [], [], 0.0
        for draw in range(draws):
            rules = Rules(hazard_per_month=hazard, seed=SEED + draw)
            drawn = recalls_of(rules, accounts.legs.panel, accounts.terms.known_fee, accounts.terms.stocks)
            called = replace(accounts, terms=replace(accounts.terms, recalls=drawn)).hedged(path)
            lost = pd.Series(hedged.nav - called.nav, index=hedged.sessions)
            month = (lost - lost.rolling(SQUEEZE_SESSIONS + 1, min_periods=1).min()) / hedged.nav
            buy_ins.append(bought_in(called)[0] / years)
            costs.append(frames.BPS * lost.iloc[-1] / average / years)
            worst = max(worst, float(month.max()))
        low, high = np.quantile(costs, (0.05, 0.95))
        rows.append((float(np.mean(buy_ins)), float(np.mean(costs)), float(low), float(high), worst))
    return pd.DataFrame(rows, columns=columns, index=pd.Index(HAZARDS, name="hazard_per_month"))
