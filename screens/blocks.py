"""Blocks and composite: from figures to one score per name, higher is worse.

1. Turn each metric's figures so that higher is worse, tiers included; keep the population only.
2. Transform: rank-z (default), z-score of winsorised values, or percentile, within groups where asked.
3. Average the metrics of a block, at least `min_metrics` of them; standardise.
4. Weigh the blocks; without a required block a name has no score; standardise.

For z-scores of values the tier rule places a broken denominator at the upper quantile and the best tier at the lower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from screens.measurement import Measurements, direction_of
from screens.ranks import ranks_of
from screens.registry import BEST, NORMAL, WORST, Values
from screens.rule_spec import MetricKey
from screens.scoring import Flags, Floats, Ints, percentiles, standardise, value_z, weighted_mean, winsorise
from screens.spec import Block, MetricUse


@dataclass(frozen=True)
class BlockScore:
    """One block; arrays have shape (n_assets,), NaN outside the population and where there is no score.

    z: standardised mean; percentile: (rank - 0.5) / n of it; scores and shares: each metric's transformed score and its
    percentile (within the group it was ranked in), by label.
    """

    z: Floats
    percentile: Floats
    scores: dict[str, Floats]
    shares: dict[str, Floats]


@dataclass(frozen=True)
class Badness:
    """Figures turned so that higher is worse: their order, their size, and the names beyond and short of all others."""

    order: Floats
    figure: Floats
    beyond: Flags
    short: Flags


def badness_of(use: MetricUse, values: Values) -> Badness:
    """One use's figures as badness; `worse` in the spec turns them against the registered direction."""
    registered, direction = direction_of(use), direction_of(use, use.worse)
    if values.tier is None or values.key is None:
        order = values.badness(direction)
        nobody = np.zeros(order.shape, dtype=bool)
        return Badness(order, order, nobody, nobody)
    order, figure = values.badness(registered), np.where(values.tier == NORMAL, values.key, np.nan)
    beyond, short = values.tier == WORST, values.tier == BEST
    if direction != registered and registered != "neutral":
        return Badness(-order, -figure, short, beyond)
    return Badness(order, figure, beyond, short)


def score_block(
    block: Block,
    labels: Mapping[MetricKey, str],
    measured: Measurements,
    population: Flags,
    groups: Mapping[str, Ints],
) -> BlockScore:
    """The block's scores among the population; `groups` codes names by sector and by industry."""
    uses = sorted(block.metrics, key=lambda use: labels[use.key()])
    figures = [badness_of(use, measured.values(use)) for use in uses]
    orders = np.where(population, np.array([bad.order for bad in figures]), np.nan)
    within = [use.neutralise or block.neutralise for use in uses]
    scores, shares = np.empty(orders.shape), np.empty(orders.shape)
    for name in dict.fromkeys(within):
        rows = [row for row, group in enumerate(within) if group == name]
        ranks = ranks_of(orders[rows], groups.get(name), block.min_group)
        scores[rows], shares[rows] = ranks.z, ranks.percentile
    for row, (use, bad) in enumerate(zip(uses, figures, strict=True)):
        transform = use.transform or block.transform
        if transform == "percentile":
            scores[row] = shares[row]
        elif transform == "value_z":
            low, high = use.winsorise or block.winsorise
            figure = winsorise(np.where(population, bad.figure, np.nan), low, high, bad.beyond, bad.short)
            scores[row] = value_z(
                np.where(np.isnan(orders[row]), np.nan, figure), groups.get(within[row]), block.min_group
            )
    known = (~np.isnan(scores)).sum(axis=0)
    filled = scores if block.missing == "skip" else np.array([_filled(row, block, population) for row in scores])
    mean = weighted_mean(filled, [use.weight for use in uses])
    z = standardise(np.where(known >= block.fewest(), mean, np.nan))
    names = [labels[use.key()] for use in uses]
    return BlockScore(z, percentiles(z), dict(zip(names, scores, strict=True)), dict(zip(names, shares, strict=True)))


def _filled(score: Floats, block: Block, population: Flags) -> Floats:
    """A missing score taken as declared: average, or the worst there is."""
    known = score[~np.isnan(score)]
    if not known.size:
        return score
    taken = float(known.max()) if block.missing == "worst" else float(np.median(known))
    return np.where(np.isnan(score) & population, taken, score)


def composite(blocks: Mapping[str, BlockScore], specs: Mapping[str, Block], n_assets: int) -> Floats:
    """The weighted sum of the blocks' scores, standardised; NaN without a required block."""
    if not blocks:
        return np.full(n_assets, np.nan)
    names = sorted(blocks)
    mean = weighted_mean([blocks[name].z for name in names], [specs[name].weight for name in names])
    for name in names:
        if specs[name].required:
            mean = np.where(np.isnan(blocks[name].z), np.nan, mean)
    return standardise(mean)
