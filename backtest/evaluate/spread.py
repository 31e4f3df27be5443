"""What the basket paid beyond the index: the part of a hedge that a future could not have given.

1. `h (beta_B SPY - B)`: the P&L of shorting the basket and buying back its market beta. `beta_B` is known before each
   session; for another index its own beta divides (equal beta).
2. By window and by calendar year: annual mean and t-statistic with Newey-West errors.
3. The marginal ratio: how much basket to short once the index is there. It may be negative; the sign is the finding.
4. The worst AI days: sessions on which SMH fell furthest beyond what SPY explains, the days this hedge is bought for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from backtest.evaluate.attribution import orthogonal
from backtest.evaluate.equal_risk import WINDOW, betas_before
from backtest.evaluate.regression import newey_west
from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR
from market.errors import DataError

WHOLE = "whole span"
LEAST_SESSIONS = 5  # a mean of fewer has no error worth printing


def spread_returns(
    ratio: pd.Series | float,
    basket: pd.Series,
    index: pd.Series,
    market: pd.Series | None = None,
    window: int = WINDOW,
    beta: pd.Series | float | None = None,
) -> pd.Series:
    """`h (beta * index - basket)` per session, as a fraction of the book.

    ratio   dollars of basket short per dollar of book held *over* each session (`hedge.held_ratio`), or a constant
    market  what betas are measured against; default the index itself
    beta    the basket's dollars of index, given instead of estimated over `window` sessions before

    Sessions without a beta are left out.
    """
    both = pd.concat([basket.rename("basket"), index.rename("index")], axis=1, join="inner").dropna()
    if beta is None:
        against = index if market is None else market
        of_basket = betas_before(basket, against, both.index, window)
        of_index = 1.0 if market is None else betas_before(index, against, both.index, window)
        beta = of_basket / of_index
    return (ratio * (beta * both["index"] - both["basket"])).dropna().rename("spread")


def annual_and_t(returns: pd.Series) -> tuple[float, float]:
    """Mean times 252, and its t-statistic with Newey-West errors; NaN below five sessions."""
    values = returns.to_numpy(dtype=np.float64)
    if len(values) < LEAST_SESSIONS:
        return float("nan"), float("nan")
    found = newey_west(values)
    return float(found.coefficients[0]) * TRADING_SESSIONS_PER_YEAR, float(found.t[0])


def spread_table(
    spread: pd.Series, windows: Mapping[str, tuple[pd.Timestamp, pd.Timestamp]] | None = None
) -> pd.DataFrame:
    """`window, annual, t, n_sessions`: the whole span, then each calendar year, then the named windows it covers.

    Returns are dated by the close they end on: a window from one close to another leaves out its first session.
    """
    rows: list[dict[str, str | float | int]] = []

    def add(name: str, part: pd.Series) -> None:
        annual, t = annual_and_t(part)
        rows.append({"window": name, "annual": annual, "t": t, "n_sessions": len(part)})

    add(WHOLE, spread)
    years = pd.DatetimeIndex(spread.index).year
    for year in dict.fromkeys(years):
        add(str(year), spread[years == year])
    for name, (start, end) in (windows or {}).items():
        part = spread[(spread.index > start) & (spread.index <= end)]
        if len(part):
            add(name, part)
    return pd.DataFrame(rows, columns=["window", "annual", "t", "n_sessions"])


def marginal_ratio(book: pd.Series, basket: pd.Series, index: pd.Series) -> pd.DataFrame:
    """Least squares of the book on basket and index together: rows `basket, index`, columns `ratio, stderr, t`.

    A negative basket row says that beside the index the basket should be *bought*. Newey-West errors.
    """
    table = pd.concat([book, basket, index], axis=1, join="inner").dropna().to_numpy(dtype=np.float64)
    found = newey_west(table[:, 0], table[:, 1:])
    frame = pd.DataFrame(
        {"ratio": found.coefficients[1:], "stderr": found.stderr[1:], "t": found.t[1:]}, index=["basket", "index"]
    )
    alone = newey_west(table[:, 0], table[:, 2:])
    frame.attrs = {
        "r_squared": found.r_squared,
        "r_squared_index_alone": alone.r_squared,
        "n_sessions": found.n_sessions,
    }
    return frame


def worst_ai_days(returns: pd.DataFrame, ai: pd.Series, market: pd.Series, share: float = 0.05) -> pd.DataFrame:
    """Every column on the worst `share` of AI days: sessions on which `ai` fell furthest beyond the market.

    returns  simple returns, a column each (book, basket, hedged, spread ...)
    ai       an AI fund or basket, SMH by default of the runs; what the market explains of it is taken out

    Columns `mean` per such session, `t` (sessions far apart are taken as independent), `beyond_market` (the same less
    the column's own market beta times the market), `hit_rate` (share of them below zero), `n_sessions`.
    """
    shock = orthogonal(ai, market)
    table = pd.concat([shock.rename("__shock__"), market.rename("__market__"), returns], axis=1, join="inner").dropna()
    bad = table["__shock__"] <= table["__shock__"].quantile(share)
    if int(bad.sum()) < LEAST_SESSIONS:
        raise DataError(f"only {int(bad.sum())} sessions lie in the worst {share:.0%} of AI days")
    rows = {}
    for name in returns.columns:
        values, of_market = table[name].to_numpy(dtype=np.float64), table["__market__"].to_numpy(dtype=np.float64)
        beta = newey_west(values, of_market[:, None]).coefficients[1]
        chosen = values[bad.to_numpy()]
        error = chosen.std(ddof=1) / np.sqrt(len(chosen))
        rows[name] = {
            "mean": float(chosen.mean()),
            "t": float(chosen.mean() / error) if error > 0.0 else float("nan"),
            "beyond_market": float((values - beta * of_market)[bad.to_numpy()].mean()),
            "hit_rate": float((chosen < 0.0).mean()),
            "n_sessions": len(chosen),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
