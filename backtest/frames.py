"""The frames of a result, taken from the two accounts of a run: NAV, ratio, carry, attribution, weights.

1. Carry is what the short adds to a session's P&L beyond price: trading cost, borrow fee, dividends owed and rebate of
   all its legs, and the difference of the two accounts' interest. USD, costs negative.
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
    """`target` decided last and `held` in force after each close, dollars short per dollar of book.

    Other legs follow as `target_NAME` and `held_NAME`.
    """
    columns = {}
    for name, end, targets in ((BASKET, "", path), *((leg.name, f"_{leg.name}", leg.path) for leg in legs.others)):
        columns[f"target{end}"] = targets.reindex(legs.sessions).ffill()
        columns[f"held{end}"] = pd.Series(hedged.held[:, hedged.sleeves.index(name)], index=legs.sessions)
    frame = pd.DataFrame(columns, index=legs.sessions)
    frame.index.name = "session"
    return frame


def carry_frame(unhedged: Simulation, hedged: Simulation) -> pd.DataFrame:
    """USD by session: `trading, borrow, dividends, rebate, interest` of the short, all its legs."""
    short = [s for s, name in enumerate(hedged.sleeves) if name not in unhedged.sleeves]
    extra = hedged.lines[["interest", "margin"]].sum(axis=1) - unhedged.lines[["interest", "margin"]].sum(axis=1)
    kinds = ("trading", "borrow", "dividends", "rebate")
    frame = pd.DataFrame(
        {kind: getattr(hedged, kind)[:, short].sum(axis=1) for kind in kinds} | {"interest": extra.to_numpy()},
        index=hedged.sessions,
    )
    frame.index.name = "session"
    return frame


def attribution_by_sleeve(unhedged: Simulation, hedged: Simulation) -> dict[str, dict[str, float]]:
    """Hedged less book, USD by sleeve and kind; `account` is interest, which no sleeve owns. All sum to the total."""
    gap = hedged.lines_by_sleeve().sub(unhedged.lines_by_sleeve(), fill_value=0.0)
    gap = gap.reindex([*hedged.sleeves, "account"])
    return {
        str(sleeve): {str(kind): float(usd) for kind, usd in row.items() if usd != 0.0} | {"total": float(row.sum())}
        for sleeve, row in gap.iterrows()
    }


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


def by_name_frame(hedged: Simulation) -> pd.DataFrame:
    """`sleeve, ticker, price, dividends, borrow, rebate, trading, total` of the hedged account, USD over the run.

    With the row (account, interest) the totals sum to what the account earned.
    """
    table = hedged.by_name()
    table.loc[("account", "interest"), :] = 0.0
    table["total"] = table.sum(axis=1)
    table.loc[("account", "interest"), "total"] = float((hedged.interest + hedged.margin).sum())
    return table.reset_index()


def costs_bps(carry: pd.DataFrame, average_nav: float) -> dict[str, float]:
    """Costs a year by kind and in total, bps of the average hedged NAV; credits negative."""
    a_year = 0.0 - BPS * carry.sum() / average_nav / years(pd.DatetimeIndex(carry.index))
    found = {kind: float(a_year[kind]) for kind in CARRY}
    found["total"] = float(sum(found.values()))
    return found


def weights_frame(legs: Legs) -> pd.DataFrame:
    """`date, sleeve, ticker, weight` at every rebalance of the run, names held only."""
    parts = []
    for sleeve, leg in (("book", legs.book), (BASKET, legs.short), *legs.further.items()):
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
