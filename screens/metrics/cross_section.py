"""Ranks across names for metrics that are composites of others.

1. Only the population is ranked; names outside it, and unknown values, stay NaN.
2. Ties share their mean rank, so that the order of rows never matters.
3. rank z: rank less the mean rank, over the standard deviation of ranks; a column without spread scores zero.
4. percentile: (rank - 1/2) / n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from screens.metrics.tier_rule import Floats, Mask
from screens.ranks import ranks_of


def rank_z(values: Floats, population: Mask) -> Floats:
    """Standardised ranks (mean 0, standard deviation 1 with ddof=1); zero where all are equal."""
    return ranks_of(_inside(values, population)).z


def percentile(values: Floats, population: Mask) -> Floats:
    """Position between 0 and 1: (rank - 1/2) / n."""
    return ranks_of(_inside(values, population)).percentile


def _inside(values: Floats, population: Mask) -> Floats:
    return np.where(population & np.isfinite(values), values, np.nan)


def mean_known(parts: Sequence[Floats], fewest: int) -> Floats:
    """Mean of the parts that are known, name by name; NaN with fewer than `fewest`."""
    stacked = np.vstack(parts)
    known = np.isfinite(stacked)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n >= fewest, np.where(known, stacked, 0.0).sum(axis=0) / n, np.nan)
