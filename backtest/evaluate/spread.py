r"""What the basket paid beyond an index short of the same market beta: the part of a hedge that is not market beta.

1. By session, :math:`s_t = k_t I_t - h_t B_t`: both shorts per dollar of book, at ratios held since the close before.
   With k = h beta_B / beta_I it is the spread :math:`h (\beta \cdot index - basket)`, positive where the basket fell more.
2. Annualised as 252 times the mean; before costs on both sides, total returns on both.
3. t-statistic of the mean with Newey-West errors, lag :math:`\lfloor 4 (T/100)^{2/9} \rfloor` (Newey and West 1994).

Windows: the whole run, then each calendar year. A year with fewer than 60 sessions has no t-statistic.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtest.evaluate.performance import TRADING_SESSIONS_PER_YEAR
from basket.hedge import held_ratio

FULL = "full"
LEAST_SESSIONS = 60
COLUMNS = ["benchmark", "window", "annual", "t", "n_sessions"]


def spread_returns(
    basket: pd.Series, path: pd.Series, index: pd.Series, index_path: pd.Series, sessions: pd.DatetimeIndex
) -> pd.Series:
    """The spread by session, per dollar of book. Paths are targets stamped at the close from which they are held."""
    after = sessions[1:]
    short_basket = held_ratio(path, after) * basket.reindex(after)
    short_index = held_ratio(index_path, after) * index.reindex(after)
    return (short_index - short_basket).rename("spread")


def spread_table(spreads: Mapping[str, pd.Series]) -> pd.DataFrame:
    """`benchmark, window, annual, t, n_sessions`, one row an index and window; annual in decimals of the book."""
    rows: list[list[str | float]] = []
    for name, spread in spreads.items():
        known = spread.dropna()
        rows.append([name, FULL, *_line(known)])
        rows += [[name, str(year), *_line(part)] for year, part in known.groupby(known.index.year)]
    return pd.DataFrame(rows, columns=COLUMNS)


def mean_t(values: np.ndarray) -> float:
    """t-statistic of the mean with Newey-West errors; NaN below `LEAST_SESSIONS` or where nothing varies."""
    n = len(values)
    if n < LEAST_SESSIONS:
        return float("nan")
    moved = values - values.mean()
    lags = int(4 * (n / 100) ** (2 / 9))
    variance = float(moved @ moved) / n
    for lag in range(1, lags + 1):
        variance += 2.0 * (1.0 - lag / (lags + 1)) * float(moved[lag:] @ moved[:-lag]) / n
    return float(values.mean() / np.sqrt(variance / n)) if variance > 0 else float("nan")


def _line(spread: pd.Series) -> tuple[float, float, int]:
    values = spread.to_numpy(dtype=np.float64)
    if not len(values):
        return float("nan"), float("nan"), 0
    return float(values.mean() * TRADING_SESSIONS_PER_YEAR), mean_t(values), len(values)
