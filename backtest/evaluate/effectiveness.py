"""How much of the book's risk the hedge removed, in sample and out of sample, with intervals.

1. Effectiveness is `1 - risk(hedged) / risk(book)` for every measure alike; it can be negative and is never clipped.
2. Out of sample are the returns the account really earned; in sample is one static ratio fitted on the same sessions.
3. The difference in points stands apart: risk saved, in the measure's own unit.
4. Intervals: stationary bootstrap of the joint rows, mean block chosen on the difference of squared returns, which is
   what variance effectiveness averages. Those of drawdowns are wide and depend on the path; they are shown as such.
"""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
import pandas as pd

from basket.hedge.bootstrap import bca_interval, optimal_block, percentile_interval, stationary_rows
from basket.hedge.history import Array
from basket.hedge.measures import RISKS, Risk, ratio_effectiveness, saved_points
from basket.hedge.registry import Parameter, estimate
from market.errors import DataError

LEAST_SESSIONS = 20
DRAWS_AT_ONCE = 64  # 64 draws of 2,000 sessions fit a core's cache
JACKKNIFE_BLOCKS = 50


def effectiveness(
    book: pd.Series,
    hedged: pd.Series,
    *,
    in_sample: pd.Series | None = None,
    n_draws: int = 2000,
    seed: int = 7,
    mean_block: float | None = None,
    interval: Literal["percentile", "bca"] = "percentile",
) -> pd.DataFrame:
    """One row a measure: `in_sample, out_of_sample, low, high, difference_points` and what they are made of.

    book, hedged  simple returns per session of the account without and with the hedge, out of sample
    in_sample     returns of the book hedged by one static ratio fitted on these sessions (`in_sample_hedged`)
    n_draws       resamples; 0 leaves the intervals NaN
    mean_block    sessions; default by Politis and White on the difference of squared returns
    interval      percentile, or bias-corrected and accelerated

    `low, high` are the 95 % interval of `out_of_sample`, `difference_low, difference_high` that of the points.
    Sessions without both returns are dropped. Raises `DataError` below 20 sessions.
    """
    both = pd.concat([book, hedged], axis=1, join="inner").dropna()
    if len(both) < LEAST_SESSIONS:
        raise DataError(f"effectiveness needs {LEAST_SESSIONS} sessions with both returns, has {len(both)}")
    rows = np.ascontiguousarray(both.to_numpy(dtype=np.float64).T)
    block = mean_block if mean_block is not None else optimal_block(_squared_difference(rows))
    draws = _draw(rows, n_draws, block, seed)
    static = _static_risks(book, in_sample, both.index)
    table: dict[str, dict[str, float]] = {}
    for measure, risk in RISKS.items():
        of_book, of_hedged = (float(risk(series)) for series in rows)
        value = float(ratio_effectiveness(of_book, of_hedged))
        points = float(saved_points(measure, of_book, of_hedged))
        ratios = ratio_effectiveness(*draws[measure])
        differences = saved_points(measure, *draws[measure])
        if interval == "bca" and n_draws:
            left_book, left_hedged = _jackknife(rows, risk)
            low, high = bca_interval(ratios, value, ratio_effectiveness(left_book, left_hedged))
            left_points = saved_points(measure, left_book, left_hedged)
            points_low, points_high = bca_interval(differences, points, left_points)
        else:
            low, high = percentile_interval(ratios)
            points_low, points_high = percentile_interval(differences)
        table[measure] = {
            "in_sample": float(ratio_effectiveness(*static[measure])),
            "out_of_sample": value,
            "low": low,
            "high": high,
            "difference_points": points,
            "difference_low": points_low,
            "difference_high": points_high,
            "risk_book": of_book,
            "risk_hedged": of_hedged,
        }
    frame = pd.DataFrame.from_dict(table, orient="index")
    frame.index.name = "measure"
    frame.attrs = {"n_sessions": len(both), "mean_block_sessions": block, "n_draws": n_draws, "seed": seed}
    return frame


def in_sample_hedged(kind: str, book: pd.Series, hedge: pd.Series, **params: Parameter) -> pd.Series:
    """The book hedged by one ratio of `kind`, fitted on the very sessions it is then applied to."""
    ratio = estimate(kind, book, hedge, **params).value
    return (book - ratio * hedge).dropna().rename("hedged_in_sample")


def rolling_effectiveness(book: pd.Series, hedged: pd.Series, window: int) -> pd.Series:
    """Variance effectiveness over the last `window` sessions, by session; NaN until there are that many."""
    both = pd.concat([book, hedged], axis=1, join="inner").dropna()
    of_book, of_hedged = (both.iloc[:, k].rolling(window).var() for k in range(2))
    return (1.0 - of_hedged / of_book.where(of_book > 0.0)).rename(f"effectiveness_{window}")


def rolling_table(
    book: pd.Series, hedged: pd.Series, hedge: pd.Series, short: int = 63, long: int = 252
) -> pd.DataFrame:
    """`effectiveness_63, effectiveness_252, correlation_63, beta_63` by session: the last two of book on hedge."""
    both = pd.concat([book.rename("book"), hedge.rename("hedge")], axis=1, join="inner").dropna()
    covariance = both["book"].rolling(short).cov(both["hedge"])
    moved = both["hedge"].rolling(short).var()
    return pd.concat(
        [
            rolling_effectiveness(book, hedged, short),
            rolling_effectiveness(book, hedged, long),
            both["book"].rolling(short).corr(both["hedge"]).rename(f"correlation_{short}"),
            (covariance / moved.where(moved > 0.0)).rename(f"beta_{short}"),
        ],
        axis=1,
    )


def _squared_difference(rows: Array) -> Array:
    moved = rows - rows.mean(axis=1, keepdims=True)
    return moved[0] ** 2 - moved[1] ** 2


def _draw(rows: Array, n_draws: int, block: float, seed: int) -> dict[str, tuple[Array, Array]]:
    """Every risk of book and hedged on every resample."""
    n_sessions = rows.shape[1]
    drawn = {measure: (np.empty(n_draws), np.empty(n_draws)) for measure in RISKS}
    if n_draws == 0:
        return drawn
    every = stationary_rows(n_sessions, n_draws, block, seed)
    for start in range(0, n_draws, DRAWS_AT_ONCE):
        some = every[start : start + DRAWS_AT_ONCE]
        for side in range(2):
            resampled = rows[side][some]
            for measure, risk in RISKS.items():
                drawn[measure][side][start : start + len(some)] = risk(resampled)
    return drawn


def _jackknife(rows: Array, risk: Risk) -> tuple[Array, Array]:
    """Risk of both sides without each of fifty blocks in turn."""
    n_sessions = rows.shape[1]
    edges = np.linspace(0, n_sessions, min(JACKKNIFE_BLOCKS, n_sessions) + 1).astype(int)
    kept = [np.delete(rows, slice(a, b), axis=1) for a, b in itertools.pairwise(edges)]
    return np.array([risk(one[0]) for one in kept]), np.array([risk(one[1]) for one in kept])


def _static_risks(book: pd.Series, in_sample: pd.Series | None, sessions: pd.Index) -> dict[str, tuple[float, float]]:
    if in_sample is None:
        return dict.fromkeys(RISKS, (float("nan"), float("nan")))
    both = pd.concat([book, in_sample], axis=1, join="inner").reindex(sessions).dropna().to_numpy(dtype=np.float64)
    if len(both) < LEAST_SESSIONS:
        raise DataError(f"the in-sample returns share only {len(both)} sessions with the account's")
    return {measure: (float(risk(both[:, 0])), float(risk(both[:, 1]))) for measure, risk in RISKS.items()}
