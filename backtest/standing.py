"""The hedged account as it stands after the last session: what shocks are applied to.

1. Long and short are the last exposures, as fractions of NAV.
2. Betas of book and basket are from one regression over the last `n_sessions`: on the market, on what the AI fund
   returned beyond it, and on what long Treasuries returned beyond both. A rise in rates of a point is a fall of the
   bond fund by its duration.
3. The borrow fee is the basket's, by weight; the days to trade are those of its slowest name.
4. Buying the basket back in one session costs `sigma sqrt(Q / ADV)` a name (square-root law, at most a day's volume).
5. The crowded share is the weight of the fifth of its names that are most shorted, of those whose short interest is
   known on the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.stress import Position
from backtest.summary import table_figures
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.result import Result

AI_FUND = "SMH"  # the one AI fund with returns over the whole sample (AIQ, BOTZ begin 2021-07)
BOND_FUND = "TLT"
BOND_DURATION = 16.0  # years: per cent lost for a point of rise, about what the fund reports
LEAST_SESSIONS = 60
VOLATILITY_SESSIONS = 63
CROWDED_SHARE = 0.2


def standing(result: Result, n_sessions: int = 252, ai_fund: str = AI_FUND, bond_fund: str = BOND_FUND) -> Position:
    """The position at the end of a run. Without prices of `ai_fund` or `bond_fund` the betas to them are zero."""
    returns = result.nav[["book", "basket"]].pct_change(fill_method=None).iloc[1:].tail(n_sessions)
    wanted = {"market": result.spec.market, "ai": ai_fund, "bonds": bond_fund}
    known = {name: ticker for name, ticker in wanted.items() if ticker in result.market.tickers}
    panel = result.market.panel(list(known.values()))
    funds = pd.DataFrame(panel.total_returns(), index=panel.sessions, columns=panel.tickers).reindex(returns.index)
    betas = betas_in_order(returns, pd.DataFrame({name: funds[ticker] for name, ticker in known.items()}))
    zero = dict.fromkeys(("book", "basket"), 0.0)
    of = dict.fromkeys(wanted, zero) | table_figures(betas)
    per_point = {side: -BOND_DURATION / 100.0 * slope for side, slope in of["bonds"].items()}
    last = result.exposures.dropna().iloc[-1]
    held = result.constituents
    weight = held["weight"].to_numpy(dtype=float)
    fee = np.nan_to_num(held["borrow_fee"].to_numpy(dtype=float))
    return Position(
        long=float(last["long"]),
        short=float(-last["short"]),
        beta_long=of["market"]["book"],
        beta_short=of["market"]["basket"],
        ai_beta_long=of["ai"]["book"],
        ai_beta_short=of["ai"]["basket"],
        rate_beta_long=per_point["book"],
        rate_beta_short=per_point["basket"],
        borrow_fee=float(weight @ fee / weight.sum()),
        days_to_trade=float(held["days_to_trade"].max()),
        impact=float(-last["short"]) * exit_impact(result),
        crowded=crowded_share(result),
    )


def betas_in_order(returns: pd.DataFrame, funds: pd.DataFrame) -> pd.DataFrame:
    """Slopes of every column of `returns` on each fund, less what the funds before it explain: funds x returns.

    Sessions on which any series is unknown are left out. Raises `DataError` when fewer than 60 remain.

    >>> market = pd.Series([0.01, -0.02, 0.03] * 30)
    >>> betas_in_order(pd.DataFrame({"book": 2 * market}), market.to_frame("market")).round(6)["book"].tolist()
    [2.0]
    """
    joined = pd.concat([returns.add_prefix("of "), funds], axis=1).dropna()
    if len(joined) < LEAST_SESSIONS:
        raise DataError(f"betas need 60 sessions on which book, basket and funds all trade, found {len(joined)}")
    moved = joined - joined.mean()
    answers = moved[[f"of {name}" for name in returns]].to_numpy()
    beyond: list[np.ndarray] = []
    found = {}
    for name in funds:
        left = moved[name].to_numpy(dtype=float).copy()
        for earlier in beyond:
            left -= earlier * (left @ earlier) / (earlier @ earlier)
        found[name] = answers.T @ left / (left @ left)
        beyond.append(left)
    return pd.DataFrame(found, index=returns.columns).T


def exit_impact(result: Result) -> float:
    """Impact of buying the whole basket back in one session, as a fraction of its value."""
    held = result.constituents
    weight = held["weight"].to_numpy(dtype=float)
    panel = result.market.panel(list(held["ticker"]))
    returns = panel.total_returns()[-VOLATILITY_SESSIONS:]
    sigma = np.nan_to_num(np.nanstd(returns, axis=0, ddof=1))
    volume = np.minimum(np.nan_to_num(held["adv_share"].to_numpy(dtype=float), nan=1.0), 1.0)
    return float(weight @ (sigma * np.sqrt(volume)) / weight.sum())


def crowded_share(result: Result) -> float:
    """Weight of the most-shorted fifth of the basket; zero where nobody's short interest is known."""
    held = result.constituents
    view = result.market.as_of(result.nav.index[-1])
    shorted = view.short_interest("short_percent_of_float")[view.tickers.get_indexer(pd.Index(held["ticker"]))]
    known = np.flatnonzero(np.isfinite(shorted))
    chosen = known[np.argsort(-shorted[known], kind="stable")][: int(np.ceil(CROWDED_SHARE * len(known)))]
    weight = held["weight"].to_numpy(dtype=float)
    return float(weight[chosen].sum() / weight.sum())
