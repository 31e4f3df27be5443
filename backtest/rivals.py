"""What else one could have done: index shorts, and owning less. Always at equal risk, always at the same costs.

1. Index short at equal beta: at each check, the notional whose market beta equals that of the basket short, betas from
   the same window before the check; the same band and bounds.
2. Index short at minimum variance: the run's own walk-forward with the index in the basket's place (ordinary least
   squares, whatever the run's estimator).
3. Holding less: the book scaled so that its realised volatility equals the hedged book's, the rest in cash. The scale is
   found after the fact, which flatters it a little: it is the bar to clear, not a strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from basket import hedge
from backtest.evaluate.performance import volatility
from backtest.simulate import Variant

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.broadcast import Floats

EQUAL_BETA, MINIMUM_VARIANCE, HOLD_LESS = "equal beta", "minimum variance", "hold less"
VOLATILITY_TURNS = 3  # of the search for the share; each leaves about a hundredth of the gap


@dataclass(frozen=True)
class Rivals:
    """NAV (USD) by session of each alternative, ratio paths of the index shorts, and the share of the book held."""

    nav: pd.DataFrame
    ratios: pd.DataFrame
    held_share: float
    costs: dict[str, Floats]


def rivals(accounts: Accounts, path: pd.Series, hedged_nav: Floats) -> Rivals:
    """Every alternative to the hedge `path` (dollars short per dollar of book at each check)."""
    legs = accounts.legs
    paths: dict[str, pd.Series] = {}
    variants: dict[str, Variant] = {}
    for ticker in legs.spec.benchmarks:
        targets = accounts.fund_targets(ticker)
        returns = legs.index_returns(ticker)
        for how, ratio in (
            (EQUAL_BETA, equal_beta_path(accounts, path, returns)),
            (MINIMUM_VARIANCE, legs.ratio_path(returns, "ols")["target"]),
        ):
            name = f"short {ticker}, {how}"
            paths[name] = ratio
            variants[name] = Variant(shorts=(accounts.hedged_by(targets, ratio, ticker),))
    many = accounts.many(list(variants.values()))
    nav = dict(zip(variants, many.nav, strict=True))
    share, nav[HOLD_LESS] = hold_less(accounts, hedged_nav)
    costs = dict(zip(variants, many.lines, strict=True))
    return Rivals(accounts.nav_frame(nav), pd.DataFrame(paths), share, costs)


def equal_beta_path(accounts: Accounts, path: pd.Series, returns: pd.Series) -> pd.Series:
    """Ratio of an index short whose market beta equals that of `path` of basket, at each of its sessions."""
    legs = accounts.legs
    rules = legs.spec.hedge
    market = legs.index_returns(legs.spec.market)
    basket_beta = betas_before(legs.short.returns, market, path.index, rules.window)
    index_beta = betas_before(returns, market, path.index, rules.window)
    wanted = path.to_numpy() * basket_beta / index_beta
    held = hedge.regularise(wanted, band=rules.band, bounds=(0.0, 5.0), max_step=rules.max_step)
    return pd.Series(held, index=path.index, name="target")


def betas_before(returns: pd.Series, market: pd.Series, sessions: pd.Index, window: int) -> Floats:
    """Least-squares market beta over the `window` shared returns before each session; (n_sessions,)."""
    both = pd.concat([returns, market], axis=1, join="inner").dropna()
    values = both.to_numpy(dtype=np.float64)
    ends = np.asarray(both.index.searchsorted(sessions, side="left"))
    starts = np.maximum(ends - window, 0)
    out = np.full(len(sessions), np.nan)
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        moved = values[start:end] - values[start:end].mean(axis=0)
        out[k] = (moved[:, 0] * moved[:, 1]).sum() / (moved[:, 1] ** 2).sum()
    return out


def hold_less(accounts: Accounts, hedged_nav: Floats) -> tuple[float, Floats]:
    """Share of NAV kept in the book so that its volatility equals the hedged account's, and its NAV."""
    wanted = volatility(hedged_nav[1:] / hedged_nav[:-1] - 1.0)
    share, nav = 1.0, accounts.many([Variant()]).nav[0]
    for _ in range(VOLATILITY_TURNS):
        share = float(np.clip(share * wanted / volatility(nav[1:] / nav[:-1] - 1.0), 0.0, 1.0))
        nav = accounts.many([Variant(exposure=share)]).nav[0]
    return share, nav
