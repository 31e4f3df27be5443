"""The frames of a result, taken from the two accounts of a run: NAV, ratio, carry, attribution, weights.

1. Carry is what the short adds to a session's P&L beyond price: its sleeve's trading cost, borrow fee, dividends owed
   and rebate, and the difference of the two accounts' interest. USD, costs negative.
2. Attribution takes the accounts' lines apart, kind by kind; the rows sum to hedged less book, to the cent. `long` is
   not zero: the hedged account has another NAV and so another book.
3. Costs a year are bps of the average NAV of the hedged account, which is the book that was being hedged: a share of
   the unhedged book, which may have grown to several times that, would flatter them. Credits are negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.accounts import BASKET
from backtest.evaluate.performance import DAYS_PER_YEAR
from backtest.rivals import last_price

if TYPE_CHECKING:
    from backtest.legs import Legs
    from backtest.simulate import Simulation

BPS = 1e4
FUNDS = ("SPY", "QQQ", "IWM")
CARRY = ("trading", "borrow", "dividends", "rebate", "interest")


def nav_frame(legs: Legs, unhedged: Simulation, hedged: Simulation) -> pd.DataFrame:
    """`book, hedged` in USD after costs; `basket` and the benchmarks as levels, 100 at the start."""
    columns = {"book": unhedged.nav, "hedged": hedged.nav}
    frame = pd.DataFrame(columns, index=legs.sessions)
    level = legs.short.level.reindex(legs.sessions)
    frame["basket"] = 100.0 * level / level.iloc[0]
    for ticker in legs.spec.benchmarks:
        growth = 1.0 + legs.index_returns(ticker).reindex(legs.sessions).fillna(0.0)
        growth.iloc[0] = 1.0
        frame[ticker] = (100.0 * growth.cumprod()).where(legs.sessions <= last_price(legs, ticker))
    frame.index.name = "session"
    return frame


def ratio_frame(legs: Legs, path: pd.Series, hedged: Simulation) -> pd.DataFrame:
    """`target` decided last and `held` in force after each close, dollars short per dollar of book."""
    column = hedged.sleeves.index(BASKET)
    frame = pd.DataFrame(
        {"target": path.reindex(legs.sessions).ffill(), "held": hedged.held[:, column]}, index=legs.sessions
    )
    frame.index.name = "session"
    return frame


def carry_frame(unhedged: Simulation, hedged: Simulation) -> pd.DataFrame:
    """USD by session: `trading, borrow, dividends, rebate, interest` of the short."""
    s = hedged.sleeves.index(BASKET)
    extra = hedged.lines[["interest", "margin"]].sum(axis=1) - unhedged.lines[["interest", "margin"]].sum(axis=1)
    frame = pd.DataFrame(
        {
            "trading": hedged.trading[:, s],
            "borrow": hedged.borrow[:, s],
            "dividends": hedged.dividends[:, s],
            "rebate": hedged.rebate[:, s],
            "interest": extra.to_numpy(),
        },
        index=hedged.sessions,
    )
    frame.index.name = "session"
    return frame


def attribution_frame(unhedged: Simulation, hedged: Simulation, average_nav: float) -> pd.DataFrame:
    """`usd, bps_per_year` by kind; `total` is hedged less book."""
    gap = hedged.lines.sum() - unhedged.lines.sum()
    found = {kind: float(gap[kind]) for kind in ("long", "short", "trading", "borrow")}
    found["dividends"] = float(gap["dividends_received"] + gap["dividends_owed"])
    found |= {kind: float(gap[kind]) for kind in ("rebate", "interest", "margin")}
    usd = pd.Series(found | {"total": sum(found.values())}, dtype=np.float64)
    frame = pd.DataFrame({"usd": usd, "bps_per_year": BPS * usd / average_nav / years(hedged.sessions)})
    frame.index.name = "kind"
    return frame


def costs_bps(carry: pd.DataFrame, average_nav: float) -> dict[str, float]:
    """Costs a year by kind and in total, bps of the average hedged NAV; credits negative."""
    a_year = -BPS * carry.sum() / average_nav / years(pd.DatetimeIndex(carry.index))
    found = {kind: float(a_year[kind]) for kind in CARRY}
    found["total"] = float(sum(found.values()))
    return found


def weights_frame(legs: Legs) -> pd.DataFrame:
    """`date, sleeve, ticker, weight` at every rebalance of the run, names held only."""
    parts = []
    for sleeve, leg in (("book", legs.book), (BASKET, legs.short)):
        inside = leg.weights[(leg.weights.index >= legs.sessions[0]) & (leg.weights.index <= legs.sessions[-1])]
        rows, columns = np.nonzero(inside.to_numpy())
        parts.append(
            pd.DataFrame(
                {
                    "date": inside.index[rows],
                    "sleeve": sleeve,
                    "ticker": inside.columns[columns].astype(str),
                    "weight": inside.to_numpy()[rows, columns],
                }
            )
        )
    return pd.concat(parts, ignore_index=True).sort_values(["date", "sleeve", "ticker"], ignore_index=True)


def years(sessions: pd.DatetimeIndex) -> float:
    """Calendar years from the first session to the last."""
    return (sessions[-1] - sessions[0]).days / DAYS_PER_YEAR
