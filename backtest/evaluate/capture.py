"""How a return moves with its benchmark: up and down, in crises, and whether that is stable.

1. Capture ratios compare geometric means over the periods in which the *benchmark* rose or fell. Conventions differ and
   are not equal: `geometric` takes means per period (Bacon), `annualised` first compounds them to a year.
2. Crisis beta and tail correlation look at the sessions of the market's worst 5 %.
3. Correlation stability: the least and the fifth percentile of rolling correlations.
4. Tracking is the deviation of `L - hB`; slippage is what the account earned less what the ideal hedge would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from basket.hedge.history import Array
from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR
from market.errors import DataError

Convention = Literal["geometric", "annualised"]
LEAST_TAIL = 10  # sessions in the tail; fewer carry no beta


@dataclass(frozen=True)
class Capture:
    """Share of the benchmark's gains and of its losses, their ratio, the periods of each, and the convention."""

    up: float
    down: float
    n_up: int
    n_down: int
    convention: Convention

    @property
    def ratio(self) -> float:
        """Up over down capture: above one is worth having."""
        return self.up / self.down if self.down else float("nan")


def capture(
    returns: pd.Series | Array,
    benchmark: pd.Series | Array,
    convention: Convention = "geometric",
    periods_per_year: int = TRADING_SESSIONS_PER_YEAR,
) -> Capture:
    """Up and down capture of `returns` against `benchmark`, simple returns of the same periods.

    periods_per_year  12 for months; only the `annualised` convention uses it
    """
    both = np.column_stack([np.asarray(returns, dtype=np.float64), np.asarray(benchmark, dtype=np.float64)])
    both = both[~np.isnan(both).any(axis=1)]
    power = 1.0 if convention == "geometric" else float(periods_per_year)

    def share(chosen: Array) -> float:
        if len(chosen) == 0:
            return float("nan")
        means = np.prod(1.0 + chosen, axis=0) ** (power / len(chosen)) - 1.0
        return float(means[0] / means[1])

    up, down = both[both[:, 1] > 0.0], both[both[:, 1] < 0.0]
    return Capture(share(up), share(down), len(up), len(down), convention)


def monthly_returns(returns: pd.Series) -> pd.Series:
    """Compound returns of calendar months; the first and last may be parts of months."""
    months = pd.DatetimeIndex(returns.index).to_period("M")
    return (1.0 + returns).groupby(months).prod() - 1.0


def crisis_table(returns: pd.DataFrame, market: pd.Series, share: float = 0.05) -> pd.DataFrame:
    """One row a column: what it does on the market's worst `share` of sessions.

    Columns `beta` (least squares within those sessions), `correlation` within them, `mean` return per such session,
    `n_sessions`. Raises `DataError` where fewer than ten sessions are that bad.
    """
    table = pd.concat([market.rename("__market__"), returns], axis=1, join="inner").dropna()
    bad = table[table["__market__"] <= table["__market__"].quantile(share)]
    if len(bad) < LEAST_TAIL:
        raise DataError(f"only {len(bad)} sessions lie in the market's worst {share:.0%}; {LEAST_TAIL} are needed")
    moved = bad - bad.mean()
    of_market = moved["__market__"].to_numpy()
    rows = {}
    for name in returns.columns:
        covariance = float(moved[name].to_numpy() @ of_market)
        spread = float(np.sqrt((moved[name] ** 2).sum() * (of_market @ of_market)))
        rows[name] = {
            "beta": covariance / float(of_market @ of_market),
            "correlation": covariance / spread if spread > 0.0 else float("nan"),
            "mean": float(bad[name].mean()),
            "n_sessions": len(bad),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def correlation_stability(book: pd.Series, hedge: pd.Series, window: int = 63) -> dict[str, float]:
    """Of the rolling correlation over `window` sessions: `least, fifth_percentile, median, last`."""
    both = pd.concat([book, hedge], axis=1, join="inner").dropna()
    rolling = both.iloc[:, 0].rolling(window).corr(both.iloc[:, 1]).dropna()
    if rolling.empty:
        raise DataError(f"correlations over {window} sessions need as many, there are {len(both)}")
    return {
        "least": float(rolling.min()),
        "fifth_percentile": float(rolling.quantile(0.05)),
        "median": float(rolling.median()),
        "last": float(rolling.iloc[-1]),
    }


def tracking(book: pd.Series, hedge: pd.Series, ratio: pd.Series | float) -> float:
    """Deviation of `L - hB`, a year; `ratio` is the one held over each session."""
    left = (book - ratio * hedge).dropna()
    return float(left.std(ddof=1) * np.sqrt(TRADING_SESSIONS_PER_YEAR))


def slippage(actual: pd.Series, ideal: pd.Series) -> dict[str, float]:
    """What was earned less what the ideal hedge, known beforehand and free, would have: `annual`, and its deviation.

    actual  hedged returns with costs, drift and lag
    ideal   `L - h* B` with the ratio fitted on these very sessions
    """
    gap = (actual - ideal).dropna()
    if len(gap) < 2:
        raise DataError("slippage needs sessions with both returns")
    return {
        "annual": float(gap.mean() * TRADING_SESSIONS_PER_YEAR),
        "deviation": float(gap.std(ddof=1) * np.sqrt(TRADING_SESSIONS_PER_YEAR)),
    }
