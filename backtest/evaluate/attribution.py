"""What a return is made of: market, size, value, profitability, momentum, AI, and what is left.

1. Regress daily returns (the hedge's P&L over NAV, or any sleeve) on factor returns, Newey-West errors.
2. A factor's contribution a year is its coefficient times the factor's mean; what is left is the intercept. They add up
   to the mean return exactly.
3. Factors that say nearly the same (an AI fund and the market) are made orthogonal first, on the same sessions.
4. Rolling: the same over a moving window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from backtest.evaluate.regression import newey_west
from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR
from market.errors import DataError

LEFT = "unexplained"


def factor_attribution(returns: pd.Series, factors: pd.DataFrame, lag: int | None = None) -> pd.DataFrame:
    """One row a factor, then `unexplained` and `total`: `coefficient, stderr, t, annual, share`.

    returns  per session, decimal
    factors  factor returns per session, one column each
    annual   contribution a year, decimal: coefficient x mean factor x 252; for `unexplained` the intercept x 252
    share    of the variance of the returns, by the covariance of each part with the whole; they sum to one

    Sessions without all of them are dropped. Raises `DataError` for collinear factors or too few sessions.
    """
    table = pd.concat([returns.rename("__answer__"), factors], axis=1, join="inner").dropna()
    answer, regressors = table.iloc[:, 0].to_numpy(dtype=np.float64), table.iloc[:, 1:].to_numpy(dtype=np.float64)
    found = newey_west(answer, regressors, lag)
    parts = regressors * found.coefficients[1:]
    every = np.column_stack([parts, found.residuals])
    moved = answer - answer.mean()
    total = float(moved @ moved)
    shares = (every - every.mean(axis=0)).T @ moved / total if total > 0.0 else np.full(every.shape[1], np.nan)
    annual = np.append(parts.mean(axis=0), found.coefficients[0]) * TRADING_SESSIONS_PER_YEAR
    order = [*range(1, len(found.coefficients)), 0]
    frame = pd.DataFrame(
        {
            "coefficient": found.coefficients[order],
            "stderr": found.stderr[order],
            "t": found.t[order],
            "annual": annual,
            "share": shares,
        },
        index=[*map(str, factors.columns), LEFT],
    )
    whole = {"coefficient": np.nan, "stderr": np.nan, "t": np.nan, "annual": annual.sum(), "share": shares.sum()}
    frame.loc["total"] = pd.Series(whole)
    frame.index.name = "factor"
    frame.attrs = {"r_squared": found.r_squared, "n_sessions": found.n_sessions, "lag": found.lag}
    return frame


def rolling_attribution(
    returns: pd.Series, factors: pd.DataFrame, window: int = 252, step: int = 21, at: pd.DatetimeIndex | None = None
) -> pd.DataFrame:
    """Coefficients over the last `window` sessions: every `step` sessions, the last one among them, or at those given.

    Columns (`coefficient`, factor) and (`stderr`, factor), Newey-West; the intercept as `unexplained`, per year. Rows
    are stamped with the last session of their window: a row knows nothing later.
    """
    table = pd.concat([returns.rename("__answer__"), factors], axis=1, join="inner").dropna()
    if len(table) < window:
        raise DataError(f"a rolling attribution over {window} sessions needs as many, has {len(table)}")
    values = table.to_numpy(dtype=np.float64)
    known = pd.DatetimeIndex(table.index)
    ends = list(range(len(table), window - 1, -step)[::-1])
    if at is not None:
        ends = [end for end in known.searchsorted(at, side="right").tolist() if end >= window]
    fits = [newey_west(values[end - window : end, 0], values[end - window : end, 1:]) for end in ends]
    names, order = [*map(str, factors.columns), LEFT], [*range(1, len(factors.columns) + 1), 0]
    scale = np.array([1.0] * len(factors.columns) + [float(TRADING_SESSIONS_PER_YEAR)])
    parts = {
        "coefficient": [fit.coefficients[order] * scale for fit in fits],
        "stderr": [fit.stderr[order] * scale for fit in fits],
    }
    index = table.index[[end - 1 for end in ends]]
    return pd.concat({part: pd.DataFrame(rows, index=index, columns=names) for part, rows in parts.items()}, axis=1)


def orthogonal(series: pd.Series, on: pd.Series | pd.DataFrame) -> pd.Series:
    """What least squares on `on` leaves of a series over their shared sessions, mean included: for evaluation only.

    The fit sees all sessions; a signal must not use it.
    """
    table = pd.concat([series.rename("__answer__"), on], axis=1, join="inner").dropna()
    values = table.to_numpy(dtype=np.float64)
    slopes = newey_west(values[:, 0], values[:, 1:]).coefficients[1:]
    return pd.Series(values[:, 0] - values[:, 1:] @ slopes, index=table.index, name=series.name)


def hedge_factors(
    factors: pd.DataFrame, ai: pd.Series, market: str = "Mkt-RF", keep: Sequence[str] | None = None
) -> pd.DataFrame:
    """The factor table of a hedge's attribution: style factors, and the AI fund beyond the market as `AI`."""
    chosen = factors if keep is None else factors[list(keep)]
    return pd.concat([chosen, orthogonal(ai, factors[market]).rename("AI")], axis=1, join="inner").dropna()
