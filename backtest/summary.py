"""`summary.json`: every number the report shows, by name. Rates and returns in decimals, costs in bps, USD where said.

Names are a promise to readers outside the project: add, never rename.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.evaluate.performance import performance, performance_of_many
from backtest.exposure import turnover
from backtest.frames import years
from backtest.hindsight import index_of
from backtest.rivals import HOLD_LESS
from basket.hedge.measures import ratio_effectiveness

if TYPE_CHECKING:
    from backtest.legs import Legs
    from backtest.overlay import Switched
    from backtest.placebos import Placebo
    from backtest.result import Json
    from backtest.rivals import Rivals
    from backtest.simulate import Simulation

BAND = (5, 50, 95)  # percentiles of the random draws

Figures = dict[str, float]


def figures_of(nav: pd.Series, legs: Legs, risk_free: pd.Series) -> Figures:
    """The performance line of one NAV."""
    return performance(nav, risk_free, legs.index_returns(legs.spec.market))


def other_sleeves(legs: Legs, risk_free: pd.Series) -> dict[str, Figures]:
    """The performance line of each other leg, quoted long and before costs, as the basket is."""
    found = {}
    for leg in legs.others:
        growth = 1.0 + leg.returns.reindex(legs.sessions).fillna(0.0)
        growth.iloc[0] = 1.0
        found[leg.name] = figures_of(100.0 * growth.cumprod(), legs, risk_free)
    return found


def ratio_figures(path: pd.Series) -> dict[str, Json]:
    """Mean, least, most and last target at the checks, and how often it changed."""
    return {
        "mean": float(path.mean()),
        "least": float(path.min()),
        "most": float(path.max()),
        "last": float(path.iloc[-1]),
        "changes": int((path.diff().fillna(0.0) != 0).sum()),
    }


def variance_removed(nav: np.ndarray, book: np.ndarray) -> float:
    """1 - variance of an account's returns over the book's."""
    return float(ratio_effectiveness(np.var(book[1:] / book[:-1], ddof=1), np.var(nav[1:] / nav[:-1], ddof=1)))


def benchmark_figures(found: Rivals, book: np.ndarray, legs: Legs, risk_free: pd.Series) -> dict[str, Figures]:
    """One line an alternative: performance, variance removed, and the mean ratio or the share of the book held."""
    told: dict[str, Figures] = {}
    for name in found.nav:
        nav = found.nav[name].dropna()  # a fund that ends before the run is judged to its end
        line = figures_of(nav, legs, risk_free)
        line["variance_removed"] = variance_removed(nav.to_numpy(), book[: len(nav)])
        if name in found.ratios:
            line["mean_ratio"] = float(found.ratios[name].mean())
        elif name == HOLD_LESS:
            line["share_held"] = found.held_share
        told[str(name)] = line
    return told


def overlay_figures(found: Switched, book: np.ndarray, legs: Legs, risk_free: pd.Series) -> dict[str, Figures]:
    """The switched account and its untimed twin, like any other alternative."""
    told: dict[str, Figures] = {}
    for name in found.nav:
        line = figures_of(found.nav[name], legs, risk_free)
        line["variance_removed"] = variance_removed(found.nav[name].to_numpy(), book)
        line["mean_multiplier"] = found.mean_size
        told[str(name)] = line
    return told


def placebo_figures(
    best: Placebo | None, random: Sequence[Placebo], book: np.ndarray, legs: Legs, risk_free: pd.Series
) -> dict[str, Json]:
    """`best_quality`: its line. `random`: number of draws and the 5th, 50th and 95th percentile of each measure."""
    told: dict[str, Json] = {}
    if best is not None:
        line = figures_of(pd.Series(best.nav, index=legs.sessions), legs, risk_free)
        line["variance_removed"] = variance_removed(best.nav, book)
        told["best_quality"] = dict(line)
    if random:
        nav = np.array([one.nav for one in random])
        lines = performance_of_many(nav, legs.sessions, risk_free, legs.index_returns(legs.spec.market))
        lines["variance_removed"] = [variance_removed(row, book) for row in nav]
        bands = lines.quantile([p / 100 for p in BAND])
        told["random"] = {
            "draws": len(random),
            **{str(m): {f"p{p}": float(bands[m].iloc[k]) for k, p in enumerate(BAND)} for m in lines},
        }
    return told


def band_of_navs(random: Sequence[Placebo]) -> dict[str, np.ndarray]:
    """NAV at the 5th, 50th and 95th percentile of the draws, session by session."""
    if not random:
        return {}
    bands = np.percentile(np.array([one.nav for one in random]), BAND, axis=0)
    return {f"placebo: random p{p}": band for p, band in zip(BAND, bands, strict=True)}


def coverage(legs: Legs) -> dict[str, Json]:
    """Share of each date's index members with prices, and of the universe with each metric, over the run's dates."""
    decided = legs.short.signal_sessions
    decided = decided[(decided.index >= legs.sessions[0]) & (decided.index <= legs.sessions[-1])]
    found = [legs.short.screened[session] for session in decided if session in legs.short.screened]
    metrics = pd.DataFrame([one.coverage for one in found])
    told: dict[str, Json] = {
        "members": {},
        "metrics": {str(name): float(metrics[name].mean()) for name in metrics},
        "metrics_least": {str(name): float(metrics[name].min()) for name in metrics},
        "ranked_names": {"least": min((legs.short.pools[k].size for k in range(len(legs.short.pools))), default=0)},
    }
    index = index_of(legs)
    if index is not None:
        first, last = legs.sessions[0], legs.sessions[-1]
        have_first, of_first = legs.data.coverage(index, first)
        have_last, of_last = legs.data.coverage(index, last)
        told["members"] = {"start": have_first / max(of_first, 1), "end": have_last / max(of_last, 1)}
        told["members_counted"] = {
            "index": index, "start": [have_first, of_first], "end": [have_last, of_last],
        }  # fmt: skip
    return told


def turnover_figures(legs: Legs, hedged: Simulation) -> dict[str, float]:
    """One-way, a year: of the two indices against drifted weights, and of the account's sleeves, resizing included."""
    told = {}
    for name, leg in (("basket", legs.short), ("book", legs.book)):
        inside = leg.turnover[(leg.turnover.index > legs.sessions[0]) & (leg.turnover.index <= legs.sessions[-1])]
        told[name] = float(inside.sum()) / years(legs.sessions)
    told |= {f"account_{str(name).replace(' ', '_')}": float(value) for name, value in turnover(hedged).items()}
    return told


def spread_figures(spread: pd.DataFrame) -> dict[str, dict[str, Figures]]:
    """The spread table by benchmark and window."""
    told: dict[str, dict[str, Figures]] = {}
    for row in spread.to_dict("records"):
        line = {name: float(row[name]) for name in ("annual", "t", "n_sessions")}
        told.setdefault(str(row["benchmark"]), {})[str(row["window"])] = line
    return told


def span_figures(legs: Legs) -> Mapping[str, Json]:
    return {
        "start": str(legs.sessions[0].date()),
        "end": str(legs.sessions[-1].date()),
        "sessions": len(legs.sessions),
        "years": years(legs.sessions),
    }


def table_figures(table: pd.DataFrame) -> dict[str, Figures]:
    """A frame of numbers as nested objects, row by row."""
    return {str(row): {str(c): float(v) for c, v in line.items()} for row, line in table.iterrows()}
