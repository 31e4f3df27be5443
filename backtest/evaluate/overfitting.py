"""What a sweep of many configurations proves, and what it does not.

1. PBO (Bailey, Borwein, Lopez de Prado, Zhu 2017): split time into blocks, choose the best configuration on every half
   of them, and see how it ranks on the other half. `PBO` is the share of splits where it falls into the lower half.
2. Splits many at once: block sums of returns and squares, one matrix product each.
3. Reality check (White 2000), SPA (Hansen 2005) and StepM (Romano and Wolf 2005) against a benchmark, by `arch`.
4. The effective number of trials counts clusters of configurations that move together.

One matrix of noise does not give a PBO of one half: only the mean over many does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from basket.hedge.bootstrap import optimal_block
from basket.hedge.history import Array
from market.errors import ConfigError, DataError

CELLS_AT_ONCE = 2_000_000  # splits x configurations: 16 MB a table


@dataclass(frozen=True)
class Overfitting:
    """Result of the combinatorially symmetric cross-validation.

    pbo          share of splits in which the in-sample winner is out of sample at or below the median
    logits       `ln(w / (1 - w))` of its out-of-sample rank `w`, one a split
    slope        of the winners' out-of-sample Sharpe on their in-sample Sharpe; below zero: the better, the worse
    loss_share   share of splits in which the winner loses out of sample
    n_splits, n_configurations
    """

    pbo: float
    logits: Array
    slope: float
    loss_share: float
    n_splits: int
    n_configurations: int


def probability_of_overfitting(returns: pd.DataFrame | Array, n_blocks: int = 16) -> Overfitting:
    """PBO of a table of returns, shape (n_sessions, n_configurations), by per-session Sharpe ratio.

    n_blocks  even number of equal blocks; sessions that do not fill the last are dropped at the front

    Raises `ConfigError` for an odd number of blocks, `DataError` for fewer than two configurations, missing returns or
    too short a history.
    """
    table = np.asarray(returns, dtype=np.float64)
    if n_blocks < 2 or n_blocks % 2:
        raise ConfigError(f"PBO needs an even number of blocks, found {n_blocks}")
    if table.ndim != 2 or table.shape[1] < 2:
        raise DataError("PBO compares at least two configurations")
    if np.isnan(table).any():
        raise DataError("PBO needs returns of every configuration on every session")
    length = len(table) // n_blocks
    if length < 2:
        raise DataError(f"PBO with {n_blocks} blocks needs {2 * n_blocks} sessions, has {len(table)}")
    blocks = table[len(table) - length * n_blocks :].reshape(n_blocks, length, -1)
    sums, squares = blocks.sum(axis=1), np.einsum("btk,btk->bk", blocks, blocks)  # no table of squares
    halves = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    chosen = np.zeros((len(halves), n_blocks))
    np.put_along_axis(chosen, halves, 1.0, axis=1)
    count = length * n_blocks // 2
    in_best, of_best, share = np.empty(len(halves)), np.empty(len(halves)), np.empty(len(halves))
    step = max(1, CELLS_AT_ONCE // table.shape[1])
    for first in range(0, len(halves), step):
        part = slice(first, first + step)
        inside = _sharpes(chosen[part] @ sums, chosen[part] @ squares, count)
        outside = _sharpes((1.0 - chosen[part]) @ sums, (1.0 - chosen[part]) @ squares, count)
        best = inside.argmax(axis=1)
        rows = np.arange(len(best))
        in_best[part], of_best[part] = inside[rows, best], outside[rows, best]
        # average rank among ties, from 1; over n + 1, so that the logit is finite
        below = (outside < of_best[part, None]).sum(axis=1)
        equal = (outside == of_best[part, None]).sum(axis=1)
        share[part] = (below + 0.5 * (equal + 1.0)) / (table.shape[1] + 1.0)
    logits = np.log(share / (1.0 - share))
    moved = in_best - in_best.mean()
    energy = float(moved @ moved)
    return Overfitting(
        float((logits <= 0.0).mean()),
        logits,
        float(moved @ of_best / energy) if energy > 0.0 else float("nan"),
        float((of_best < 0.0).mean()),
        len(halves),
        table.shape[1],
    )


@dataclass(frozen=True)
class BestOfMany:
    """p-values of "no configuration beats the benchmark", and those that do at the given size.

    reality_check      White (2000), by Hansen's upper p-value
    superior           Hansen (2005), consistent p-value
    winners            configurations that StepM keeps
    mean_block         sessions
    """

    reality_check: float
    superior: float
    winners: tuple[str, ...]
    mean_block: float


def best_of_many(
    benchmark: pd.Series, candidates: pd.DataFrame, size: float = 0.05, n_draws: int = 1000, seed: int = 7
) -> BestOfMany:
    """Tests of losses: lower is better, so hand in squared hedged returns or negative returns.

    benchmark   loss per session of the hedge to beat
    candidates  losses of the configurations on the same sessions
    """
    from arch.bootstrap import SPA, StepM

    table = pd.concat([benchmark.rename("benchmark"), candidates], axis=1, join="inner").dropna()
    if len(table) < 60:
        raise DataError(f"tests over a sweep need 60 shared sessions, has {len(table)}")
    base, models = table["benchmark"].to_numpy(), table.drop(columns="benchmark")
    block = round(max(optimal_block(base - models[column].to_numpy()) for column in models))
    test = SPA(base, models.to_numpy(), block_size=block, reps=n_draws, bootstrap="stationary", seed=seed)
    test.compute()
    step = StepM(base, models, size=size, block_size=block, reps=n_draws, bootstrap="stationary", seed=seed)
    step.compute()
    winners = tuple(str(name) for name in step.superior_models)
    return BestOfMany(float(test.pvalues["upper"]), float(test.pvalues["consistent"]), winners, float(block))


def effective_trials(returns: pd.DataFrame | Array, correlation: float = 0.5) -> int:
    """Clusters of configurations whose returns correlate at `correlation` or more on average (average linkage)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    table = np.asarray(returns, dtype=np.float64)
    if table.shape[1] == 1:
        return 1
    moving = table.std(axis=0) > 0.0
    matrix = np.clip(np.corrcoef(table[:, moving].T), -1.0, 1.0)
    distance = np.atleast_2d(1.0 - matrix)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(0.5 * (distance + distance.T), checks=False), method="average")
    return int(fcluster(tree, 1.0 - correlation, criterion="distance").max()) + int((~moving).any())


def _sharpes(sums: Array, squares: Array, count: int) -> Array:
    mean = sums / count
    variance = np.maximum(squares / count - mean * mean, 1e-300)
    return mean / np.sqrt(variance)
