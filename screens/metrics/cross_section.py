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


def ranks(values: Floats, population: Mask) -> tuple[Floats, int]:
    """Mean ranks from 1 among the known values of the population, and their number."""
    inside = np.flatnonzero(population & np.isfinite(values))
    out = np.full(values.shape, np.nan)
    if inside.size:
        order = np.argsort(values[inside])
        sorted_values = values[inside[order]]
        first = np.flatnonzero(np.r_[True, sorted_values[1:] != sorted_values[:-1]])
        counts = np.diff(np.r_[first, inside.size])
        out[inside[order]] = np.repeat(first + (counts + 1) / 2, counts)
    return out, int(inside.size)


def rank_z(values: Floats, population: Mask) -> Floats:
    """Standardised ranks (mean 0, standard deviation 1 with ddof=1); zero where all are equal."""
    rank, n = ranks(values, population)
    if n == 0:
        return rank
    away = np.where(np.isnan(rank), 0.0, rank - (n + 1) / 2)
    spread = np.sqrt(away @ away / (n - 1)) if n > 1 else 0.0
    return (rank - (n + 1) / 2) / spread if spread > 0 else np.where(np.isnan(rank), np.nan, 0.0)


def percentile(values: Floats, population: Mask) -> Floats:
    """Position between 0 and 1: (rank - 1/2) / n."""
    rank, n = ranks(values, population)
    return (rank - 0.5) / n if n else rank


def mean_known(parts: Sequence[Floats], fewest: int) -> Floats:
    """Mean of the parts that are known, name by name; NaN with fewer than `fewest`."""
    stacked = np.vstack(parts)
    known = np.isfinite(stacked)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n >= fewest, np.where(known, stacked, 0.0).sum(axis=0) / n, np.nan)
