"""What else one could have done: index shorts, and owning less. Always at equal risk, always at the same costs.

1. Index short at equal beta: at each check, the notional whose market beta equals that of the basket short, betas from
   the same window before the check; the same band and bounds.
2. Index short at minimum variance: the run's own walk-forward with the index in the basket's place (ordinary least
   squares, whatever the run's estimator).
3. Of the same kind: the basket's sectors in sector funds at equal beta, and the hedge with its beta bought back.
4. A fund whose prices end before the run does is followed to its last price, and says so in its name.
5. Holding less: the book scaled so that its realised volatility equals the hedged book's, the rest in cash. The scale
   is found after the fact, which flatters it a little: it is the bar to clear, not a strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.evaluate.equal_risk import equal_beta_ratio
from backtest.evaluate.performance import volatility
from backtest.evaluate.spread import spread_returns, spread_table
from backtest.further_rivals import PURE_LEG, SECTOR_MIX, pure_leg, sector_mix
from backtest.simulate import Variant
from basket import hedge
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.broadcast import Floats
    from backtest.legs import Legs

EQUAL_BETA, MINIMUM_VARIANCE, HOLD_LESS = "equal beta", "minimum variance", "hold less"
INDEX_BOUNDS = (0.0, 5.0)  # an equal beta must not be cut off by the bounds of the basket's ratio
VOLATILITY_TURNS = 3  # of the search for the share; each leaves about a hundredth of the gap


@dataclass(frozen=True)
class Rivals:
    """NAV (USD) by session of each alternative, ratio paths of the index shorts, and the share of the book held.

    A NAV is NaN after the last price of its fund.
    """

    nav: pd.DataFrame
    ratios: pd.DataFrame
    held_share: float
    costs: dict[str, Floats]


def rivals(accounts: Accounts, path: pd.Series, hedged_nav: Floats) -> Rivals:
    """Every alternative to the hedge `path` (dollars short per dollar of book at each check)."""
    legs = accounts.legs
    paths: dict[str, pd.Series] = {}
    variants: dict[str, Variant] = {}
    ends: dict[str, pd.Timestamp] = {}
    for ticker in legs.spec.benchmarks:
        returns = legs.index_returns(ticker)
        ends[ticker] = last_price(legs, ticker)
        for how, ratio in (
            (EQUAL_BETA, equal_beta_path(accounts, path, returns)),
            (MINIMUM_VARIANCE, legs.ratio_path(returns, "ols")["target"]),
        ):
            name = f"short {ticker}, {how}{until(legs, ends[ticker])}"
            paths[name] = ratio
            variants[name] = Variant(
                shorts=(accounts.indexed_by(accounts.fund_targets(ticker), ratio), *accounts.others)
            )
    if (mix := sector_mix(legs)) is not None:
        name = f"short {SECTOR_MIX}, {EQUAL_BETA}"
        paths[name] = equal_beta_path(accounts, path, mix[1])
        variants[name] = Variant(shorts=(accounts.indexed_by(mix[0], paths[name]), *accounts.others))
    many = accounts.many(list(variants.values()))
    nav = dict(zip(variants, many.nav, strict=True))
    bought_back = equal_beta_path(accounts, path, legs.index_returns(legs.spec.market))
    nav[PURE_LEG] = pure_leg(accounts, hedged_nav, bought_back)
    share, nav[HOLD_LESS] = hold_less(accounts, hedged_nav)
    costs = dict(zip(variants, many.lines, strict=True))
    frame = accounts.nav_frame(nav)
    for ticker, last in ends.items():
        for name in [name for name in variants if name.startswith(f"short {ticker},")]:
            frame[name] = frame[name].where(legs.sessions <= last)
    return Rivals(frame, pd.DataFrame(paths), share, costs)


def last_price(legs: Legs, ticker: str) -> pd.Timestamp:
    """The last session of the run on which a fund has a price."""
    known = np.isfinite(np.asarray(legs.panel.close)[:, legs.panel.tickers.get_loc(ticker)])
    if not known.any():
        raise DataError(f"{ticker}: no price between {legs.sessions[0].date()} and {legs.sessions[-1].date()}")
    return legs.sessions[int(np.flatnonzero(known)[-1])]


def until(legs: Legs, last: pd.Timestamp) -> str:
    """` (to DATE)` for a fund that does not reach the end of the run."""
    return "" if last == legs.sessions[-1] else f" (to {last.date()})"


def equal_beta_path(accounts: Accounts, path: pd.Series, returns: pd.Series) -> pd.Series:
    """Ratio of an index short whose market beta equals that of `path` of basket, at each of its sessions."""
    legs = accounts.legs
    rules = legs.spec.hedge
    market = legs.index_returns(legs.spec.market)
    wanted = equal_beta_ratio(path, legs.short.returns, returns, market, rules.window)
    held = hedge.regularise(wanted.to_numpy(), band=rules.band, bounds=INDEX_BOUNDS, max_step=rules.max_step)
    return pd.Series(held, index=path.index, name="target")


def hold_less(accounts: Accounts, hedged_nav: Floats) -> tuple[float, Floats]:
    """Share of NAV kept in the book so that its volatility equals the hedged account's, and its NAV."""
    wanted = volatility(hedged_nav[1:] / hedged_nav[:-1] - 1.0)
    share, nav = 1.0, accounts.many([Variant()]).nav[0]
    for _ in range(VOLATILITY_TURNS):
        share = float(np.clip(share * wanted / volatility(nav[1:] / nav[:-1] - 1.0), 0.0, 1.0))
        nav = accounts.many([Variant(exposure=share)]).nav[0]
    return share, nav


def spread_over(legs: Legs, path: pd.Series, ticker: str) -> pd.Series:
    """`h (beta * index - basket)` by session of the run, fractions of the book: the ratio `path` against one index."""
    held = hedge.held_ratio(path, legs.sessions[1:])
    market = legs.index_returns(legs.spec.market)
    spread = spread_returns(held, legs.short.returns, legs.index_returns(ticker), market, legs.spec.hedge.window)
    return spread.loc[spread.index > legs.sessions[0]]


def spread_frame(legs: Legs, path: pd.Series) -> pd.DataFrame:
    """`benchmark, window, annual, t, n_sessions`: paid beyond each index at equal beta, before costs."""
    parts = [spread_table(spread_over(legs, path, one)).assign(benchmark=one) for one in legs.spec.benchmarks]
    columns = ["benchmark", "window", "annual", "t", "n_sessions"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
