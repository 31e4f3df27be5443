"""The hedged account as it stands after the last session: what shocks are applied to.

1. Long and short are the last exposures, as fractions of NAV.
2. Betas of book and basket are from one regression over the last `n_sessions`, on the market and on what the AI fund
   returned beyond it: the AI beta is what is left once the market is taken out.
3. The borrow fee is the basket's, by weight; the days to trade are those of its slowest name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.stress import Position
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.result import Result

AI_FUND = "SMH"  # the one AI fund with returns over the whole sample (AIQ, BOTZ begin 2021-07)


def standing(result: Result, n_sessions: int = 252, ai_fund: str = AI_FUND) -> Position:
    """The position at the end of a run. Without prices of `ai_fund` the AI betas are zero."""
    returns = result.nav[["book", "basket"]].pct_change(fill_method=None).iloc[1:].tail(n_sessions)
    market = result.spec.market
    panel = result.market.panel([ticker for ticker in (market, ai_fund) if ticker in result.market.tickers])
    funds = pd.DataFrame(panel.total_returns(), index=panel.sessions, columns=panel.tickers).reindex(returns.index)
    betas = two_betas(returns, funds[market], funds.get(ai_fund))
    last = result.exposures.dropna().iloc[-1]
    held = result.constituents
    weight = held["weight"].to_numpy(dtype=float)
    fee = np.nan_to_num(held["borrow_fee"].to_numpy(dtype=float))
    return Position(
        long=float(last["long"]),
        short=float(-last["short"]),
        beta_long=float(betas["book"]["market"]),
        beta_short=float(betas["basket"]["market"]),
        ai_beta_long=float(betas["book"]["ai"]),
        ai_beta_short=float(betas["basket"]["ai"]),
        borrow_fee=float(weight @ fee / weight.sum()),
        days_to_trade=float(held["days_to_trade"].max()),
    )


def two_betas(returns: pd.DataFrame, market: pd.Series, ai: pd.Series | None) -> pd.DataFrame:
    """Betas of every column to `market`, and to the part of `ai` that the market does not explain.

    Sessions on which any series is unknown are left out. Raises `DataError` when fewer than 60 remain.

    >>> market = pd.Series([0.01, -0.02, 0.03] * 30)
    >>> two_betas(pd.DataFrame({"book": 2 * market}), market, None).round(6)["book"].tolist()
    [2.0, 0.0]
    """
    joined = pd.concat([returns, market.rename("market")] + ([] if ai is None else [ai.rename("ai")]), axis=1).dropna()
    if len(joined) < 60:
        raise DataError(f"betas need 60 sessions on which book, basket and funds all trade, found {len(joined)}")
    moved = joined - joined.mean()
    m = moved["market"].to_numpy()
    found = pd.DataFrame({"market": moved[list(returns)].to_numpy().T @ m / (m @ m)}, index=returns.columns).T
    found.loc["ai"] = 0.0
    if ai is not None:
        beyond = moved["ai"].to_numpy() - m * (moved["ai"].to_numpy() @ m) / (m @ m)
        found.loc["ai"] = moved[list(returns)].to_numpy().T @ beyond / (beyond @ beyond)
    return found
