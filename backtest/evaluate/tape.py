"""When the hedge worked: sessions sorted by the state of the market, as it was known the session before.

1. Trend: the market's close above or below its average of 200 sessions.
2. Volatility: that of the last 21 sessions, above or below its own median so far.
3. Drawdown: the market more than a tenth below its peak, or not.
4. Each label holds for the session *after* the close it is measured on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR, ratio_effectiveness
from market.errors import DataError

TREND_SESSIONS, VOLATILITY_SESSIONS, DEEP = 200, 21, -0.10


def market_states(market_nav: pd.Series) -> pd.DataFrame:
    """Labels by session: `trend` up or down, `volatility` calm or stormy, `drawdown` shallow or deep; "" unknown."""
    returns = market_nav.pct_change(fill_method=None)
    average = market_nav.rolling(TREND_SESSIONS).mean()
    recent = returns.rolling(VOLATILITY_SESSIONS).std()
    usual = recent.expanding(TRADING_SESSIONS_PER_YEAR).median()
    fall = market_nav / market_nav.cummax() - 1.0
    labels = pd.DataFrame(
        {
            "trend": np.where(average.isna(), "", np.where(market_nav > average, "up", "down")),
            "volatility": np.where(usual.isna(), "", np.where(recent > usual, "stormy", "calm")),
            "drawdown": np.where(fall <= DEEP, "deep", "shallow"),
        },
        index=market_nav.index,
    )
    return labels.shift(1, fill_value="")


def by_state(book: pd.Series, hedged: pd.Series, states: pd.DataFrame) -> pd.DataFrame:
    """One row a state: annual means `book, hedged`, their difference `hedge`, variance `effectiveness`, sessions."""
    table = pd.concat([book.rename("book"), hedged.rename("hedged"), states], axis=1, join="inner").dropna()
    if table.empty:
        raise DataError("returns and market states share no session")
    rows = {}
    for signal in states.columns:
        for state, part in table[table[signal] != ""].groupby(signal, sort=True):
            means = part[["book", "hedged"]].mean() * TRADING_SESSIONS_PER_YEAR
            enough = len(part) > 1
            spread = part[["book", "hedged"]].var(ddof=1) if enough else means * np.nan
            rows[f"{signal}: {state}"] = {
                "book": float(means["book"]),
                "hedged": float(means["hedged"]),
                "hedge": float(means["hedged"] - means["book"]),
                "effectiveness": float(ratio_effectiveness(float(spread["book"]), float(spread["hedged"]))),
                "n_sessions": len(part),
            }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "state"
    return frame
