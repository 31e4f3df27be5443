"""The hedge with another basket in its place: by the same rules, without the idea.

1. Best quality: the names its screen ranks last, behind the same gate. Random: every name keeps a random place in line.
   (`basket.variants` makes both from the pools of the basket; no screen is evaluated again.)
2. Each gets its own walk-forward ratio under the run's rules, and an account at the run's costs and financing.

The band of the draws says how much of a result comes from the gate and from having forty names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from backtest.legs import walk
from backtest.simulate import Variant
from basket.hedge.batch import ols_walks
from basket.variants import best_quality, random_histories

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.broadcast import Floats
    from backtest.simulate.account import Targets
    from basket.level import LevelHistory

BEST_QUALITY = "placebo: best quality"


@dataclass(frozen=True)
class Placebo:
    """returns: of its level, by session. path: its ratio at the checks. nav: (n_sessions,) USD."""

    returns: pd.Series
    path: pd.Series
    nav: Floats


def placebos(accounts: Accounts) -> tuple[Placebo | None, list[Placebo]]:
    """Best quality, and the random draws; seeded, so that a run repeats to the bit."""
    wanted = accounts.legs.spec.placebos
    short = accounts.legs.short
    histories = [best_quality(short).history] if wanted.best_quality else []
    histories += random_histories(short, wanted.random_draws, wanted.seed)
    made = hedged_with(accounts, histories)
    return (made[0], made[1:]) if wanted.best_quality else (None, made)


def hedged_with(accounts: Accounts, histories: list[LevelHistory]) -> list[Placebo]:
    """The book hedged with each of these indices in turn."""
    legs = accounts.legs
    kind = legs.spec.hedge.estimator
    parameters = legs.parameters(kind)
    returns = pd.DataFrame({k: history.returns for k, history in enumerate(histories)}, index=legs.short.sessions[1:])
    rules = legs.spec.hedge
    if kind == "ols" and len(histories):
        paths = ols_walks(
            legs.book.returns,
            returns,
            legs.checks,
            window=rules.window,
            min_sessions=rules.min_sessions,
            band=rules.band,
            bounds=rules.bounds,
            max_step=rules.max_step,
        )
    else:
        paths = pd.DataFrame(
            {k: walk(rules, kind, legs.book.returns, returns[k], legs.checks, parameters)["target"] for k in returns}
        )
    variants = [
        Variant(shorts=(accounts.hedged_by(_targets(accounts, history), paths[k]), *accounts.others))
        for k, history in enumerate(histories)
    ]
    nav = accounts.many(variants).nav
    return [Placebo(returns[k], paths[k], row) for k, row in enumerate(nav)]


def _targets(accounts: Accounts, history: LevelHistory) -> Targets:
    """Weights by session of the run; the first session buys what is in force there."""
    first = int(accounts.legs.data.sessions.searchsorted(accounts.legs.sessions[0]))
    at = history.rebalances.tolist()
    targets = {t - first: w for t, w in zip(at, history.weights, strict=True) if t >= first}
    if 0 not in targets:
        targets[0] = history.weights_at(first)
    return targets
