"""What so many trials prove: beside the ranked table, and in every row of it.

1. Trials are all variants, failed and ruined ones too; effective trials are clusters of those that move together in
   what they add to the benchmark hedge (the long book, which all share, would make one cluster of them all).
2. Deflated Sharpe, of the account over cash and of what it adds to the benchmark hedge: the chance that it is more than
   the best of so many lucky ones.
3. PBO: how often the winner of one half of the sessions is below the median in the other half.
4. Reality check, SPA and StepM: does any variant beat the index short of its own market beta, in return, in variance?
Large sweeps are clustered and tested on a seeded part of their variants, and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from backtest.evaluate.inference import deflated_sharpe, expected_best_sharpe, sharpe_moments
from backtest.evaluate.overfitting import BestOfMany, best_of_many, effective_trials, probability_of_overfitting
from backtest.evaluate.performance import TRADING_SESSIONS_PER_YEAR
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.evaluate.inference import SharpeMoments

MOST_CLUSTERED: Final = 2_000
"""Variants whose correlations are taken: their matrix has 32 MB."""
MOST_TESTED: Final = 100
"""Variants that are bootstrapped against the benchmark: a few seconds."""
LEAST_SESSIONS: Final = 60
STILL: Final = 1e-9
"""Deviation of a daily return below which two accounts are the same, kept in single precision."""
BLOCKS: Final = (16, 8, 4)
SESSIONS_A_BLOCK: Final = 20
SEED: Final = 7

Json = dict[str, object]


@dataclass(frozen=True)
class Evidence:
    """Columns for every variant that lived, by its number, and the statistics of the whole."""

    columns: pd.DataFrame
    clusters: int
    told: Json

    @property
    def pbo(self) -> float:
        """Of choosing by Sharpe over cash; NaN where it cannot be said."""
        found = self.told["overfitting"]
        over_cash = found["over_cash"] if isinstance(found, dict) else None
        return float(over_cash["pbo"]) if over_cash else float("nan")


def evidence(returns: pd.DataFrame, rivals: pd.DataFrame, risk_free: pd.Series, n_trials: int) -> Evidence:
    """Judge the variants of a sweep.

    returns    simple daily returns of the accounts that lived, sessions x variants
    rivals     of the benchmark hedge of each; risk_free: of cash, on the same sessions
    n_trials   all variants, failed ones included
    """
    active = returns - rivals
    clusters = _clusters(active)
    moments, overfitting = {"over_benchmark": _moments(active)}, {"over_benchmark": _pbo(active)}
    del active  # a large sweep's table has a hundred megabytes
    excess = returns.sub(risk_free.reindex(returns.index).astype(np.float32), axis=0)
    moments, overfitting = {"over_cash": _moments(excess)} | moments, {"over_cash": _pbo(excess)} | overfitting
    del excess
    columns = pd.DataFrame(index=returns.columns)
    deflated: Json = {}
    for name, found in moments.items():
        variance = _variance(found)
        best = max(found, key=lambda k: found[k].sharpe) if found else None
        bars: Json = {}
        for label, count in (("trials", n_trials), ("effective_trials", clusters)):
            chances = {k: deflated_sharpe(m, variance, max(1, count)) for k, m in found.items()}
            columns[_column(name, label)] = pd.Series(chances, dtype=np.float64).reindex(columns.index)
            bars[label] = {
                "best_by_luck": _annual(expected_best_sharpe(variance, max(1, count))),
                "best_found": None if best is None else _annual(found[best].sharpe),
                "variant": best,
                "chance": None if best is None else chances[best],
            }
        deflated[name] = bars
    told: Json = {
        "trials": n_trials,
        "effective_trials": clusters,
        "clustered": min(len(returns.columns), MOST_CLUSTERED),
        "deflated_sharpe": deflated,
        "overfitting": overfitting,
        "tests": _tests(returns, rivals),
    }
    return Evidence(columns, clusters, told)


def _annual(sharpe: float) -> float:
    return float(sharpe * np.sqrt(TRADING_SESSIONS_PER_YEAR))


def _column(name: str, label: str) -> str:
    first = "deflated_sharpe" if name == "over_cash" else "deflated_over_benchmark"
    return first if label == "trials" else f"{first}_effective"


def _moments(returns: pd.DataFrame) -> dict[int, SharpeMoments]:
    found = {}
    for number in returns:
        try:
            found[int(str(number))] = sharpe_moments(returns[number])
        except DataError:
            continue  # the account does not move against its benchmark: it has no Sharpe
    return found


def _variance(moments: dict[int, SharpeMoments]) -> float:
    return float(np.var([m.sharpe for m in moments.values()], ddof=1)) if len(moments) > 1 else 0.0


def _clusters(active: pd.DataFrame) -> int:
    still = active.std() <= STILL
    moving = active.loc[:, ~still]
    if moving.shape[1] < 2:
        return moving.shape[1] + int(still.any())
    return effective_trials(_part(moving, MOST_CLUSTERED)) + int(still.any())


def _pbo(returns: pd.DataFrame) -> Json | None:
    """None with fewer than two variants, or with too few sessions to split."""
    blocks = next((n for n in BLOCKS if len(returns) >= n * SESSIONS_A_BLOCK), None)
    if blocks is None or returns.shape[1] < 2:
        return None
    found = probability_of_overfitting(returns, blocks)
    return {
        "pbo": found.pbo,
        "slope": found.slope,
        "loss_share": found.loss_share,
        "n_splits": found.n_splits,
        "n_blocks": blocks,
    }


def _tests(returns: pd.DataFrame, rivals: pd.DataFrame) -> Json | None:
    """Losses less those of each one's own benchmark hedge; the tests know nothing but these differences."""
    moving = returns.columns[(returns - rivals).std() > STILL]
    if len(moving) < 1 or len(returns) < LEAST_SESSIONS:
        return None
    chosen = _part(returns[moving], MOST_TESTED)
    beside = rivals[chosen.columns].astype(np.float64)
    calm = (chosen - chosen.mean()) ** 2 - (beside - beside.mean()) ** 2
    nothing = pd.Series(0.0, index=returns.index)
    return {
        "tested": chosen.shape[1],
        "return": _told(best_of_many(nothing, (beside - chosen).rename(columns=str))),
        "variance": _told(best_of_many(nothing, calm.rename(columns=str))),
    }


def _told(found: BestOfMany) -> Json:
    return {
        "reality_check": found.reality_check,
        "superior": found.superior,
        "winners": sorted(int(number) for number in found.winners),
        "mean_block": found.mean_block,
    }


def _part(returns: pd.DataFrame, most: int) -> pd.DataFrame:
    """All variants, or a seeded part of them: never the best ones, which would flatter the test."""
    if returns.shape[1] <= most:
        return returns.astype(np.float64)
    chosen = np.sort(np.random.default_rng(SEED).choice(returns.shape[1], most, replace=False))
    return returns.iloc[:, chosen].astype(np.float64)
