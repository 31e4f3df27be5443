"""What one account did: growth, risk and its market beta, each saying how it annualises.

1. A NAV is a series by session; its returns are simple, session on session.
2. Growth compounds over calendar time (365.25 days a year); volatility scales by the square root of 252 sessions.
3. Sharpe is the mean excess over the risk-free return of the same sessions, by its deviation, times sqrt(252).
4. Drawdown, VaR and CVaR are negative; ulcer is positive. CVaR and VaR are per session, not annualised.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from basket.hedge import measures
from basket.hedge.history import Array
from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR
from market.errors import DataError

DAYS_PER_YEAR = 365.25  # calendar, leap years included
MONEY_MARKET_YEAR = 360  # fed funds and SOFR accrue ACT/360


def returns_of(nav: pd.Series) -> pd.Series:
    """Simple returns by session; one fewer than the NAV has sessions.

    Raises `DataError` on a NAV that is missing or not positive, for no return exists across it.
    """
    values = nav.to_numpy(dtype=np.float64)
    if len(values) < 2:
        raise DataError(f"a NAV of {len(values)} sessions has no return")
    if not np.isfinite(values).all() or (values <= 0.0).any():
        bad = nav.index[~(np.isfinite(values) & (values > 0.0))][0]
        raise DataError(f"NAV is missing or not positive on {bad:%Y-%m-%d}: the account was ruined or has a hole")
    return pd.Series(values[1:] / values[:-1] - 1.0, index=nav.index[1:], name=nav.name)


def cagr(nav: pd.Series) -> float:
    """Compound growth a calendar year: `(last / first) ** (365.25 / days) - 1`."""
    days = (nav.index[-1] - nav.index[0]).days
    if days <= 0:
        raise DataError("growth a year needs a NAV over more than one day")
    return float((nav.iloc[-1] / nav.iloc[0]) ** (DAYS_PER_YEAR / days) - 1.0)


def volatility(returns: pd.Series | Array) -> float:
    """Standard deviation of session returns (n - 1) times sqrt(252)."""
    return float(np.std(np.asarray(returns, dtype=np.float64), ddof=1) * np.sqrt(TRADING_SESSIONS_PER_YEAR))


def daily_risk_free(rate_annual: pd.Series, sessions: pd.DatetimeIndex) -> pd.Series:
    """Cash return of each session: the rate known at the session before, ACT/360 over the calendar days between.

    rate_annual  decimal a year by session; sessions without a rate carry the last one known, before the first: zero
    """
    known = rate_annual.dropna().sort_index()
    known = known[~known.index.duplicated(keep="last")]
    days = np.diff(sessions.to_numpy().astype("datetime64[D]")).astype(np.float64)
    position = np.asarray(known.index.searchsorted(sessions[:-1], side="right")) - 1
    before = np.append(known.to_numpy(dtype=np.float64), 0.0)[position] if len(known) else np.zeros(len(days))
    accrued = np.concatenate([[0.0], before * days / MONEY_MARKET_YEAR])
    return pd.Series(accrued, index=sessions, name="risk_free")


def sharpe(returns: pd.Series, risk_free: pd.Series | float = 0.0) -> float:
    """Mean excess over its deviation, annualised by sqrt(252); NaN where the excess does not vary.

    risk_free  return of cash per session (decimal), by session or constant
    """
    if isinstance(risk_free, pd.Series):
        missing = returns.index.difference(risk_free.index)
        if len(missing):
            raise DataError(f"no risk-free return on {len(missing)} sessions, the first {missing[0]:%Y-%m-%d}")
        excess = (returns - risk_free.reindex(returns.index)).to_numpy(dtype=np.float64)
    else:
        excess = returns.to_numpy(dtype=np.float64) - risk_free
    deviation = excess.std(ddof=1)
    if deviation <= 1e-15:
        return float("nan")
    return float(excess.mean() / deviation * np.sqrt(TRADING_SESSIONS_PER_YEAR))


def max_drawdown(nav: pd.Series) -> float:
    """Deepest fall from a running peak, a negative fraction."""
    values = nav.to_numpy(dtype=np.float64)
    return float((values / np.maximum.accumulate(values) - 1.0).min())


def drawdown(nav: pd.Series) -> pd.Series:
    """Fall from the running peak by session, zero or negative."""
    return (nav / nav.cummax() - 1.0).rename("drawdown")


def cvar_95(returns: pd.Series | Array) -> float:
    """Mean of the worst 5 % of session returns, a negative fraction per session."""
    return float(measures.cvar(np.asarray(returns, dtype=np.float64), 0.95))


def ulcer(nav: pd.Series) -> float:
    """Root mean square fall from the running peak, a positive fraction."""
    depth = drawdown(nav).to_numpy(dtype=np.float64)
    return float(np.sqrt(np.mean(depth * depth)))


def beta_to_market(returns: pd.Series, market: pd.Series) -> float:
    """Least-squares slope on the market's returns over the sessions they share; NaN below three or where it is flat."""
    both = pd.concat([returns, market], axis=1, join="inner").dropna().to_numpy(dtype=np.float64)
    if len(both) < 3:
        return float("nan")
    moved = both - both.mean(axis=0)
    energy = float((moved[:, 1] ** 2).sum())
    return float((moved[:, 0] * moved[:, 1]).sum() / energy) if energy > 0.0 else float("nan")


def days_under_water(nav: pd.Series) -> int:
    """Calendar days of the longest stretch below an earlier peak."""
    days = nav.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    marks = np.append(days[(nav >= nav.cummax()).to_numpy()], days[-1])
    return int(np.diff(marks).max(initial=0))


def performance(
    nav: pd.Series, risk_free: pd.Series | float = 0.0, market: pd.Series | None = None
) -> dict[str, float]:
    """The sleeve's line of `summary.json`, and a few more.

    nav        account value or index level by session
    risk_free  return of cash per session
    market     simple returns of the market by session; without it `beta_to_market` is NaN
    """
    returns = returns_of(nav)
    values = returns.to_numpy(dtype=np.float64)
    deepest = max_drawdown(nav)
    growth = cagr(nav)
    moved = values - values.mean()
    deviation = values.std()
    return {
        "cagr": growth,
        "volatility": volatility(returns),
        "sharpe": sharpe(returns, risk_free),
        "max_drawdown": deepest,
        "cvar_95": cvar_95(returns),
        "beta_to_market": beta_to_market(returns, market) if market is not None else float("nan"),
        "value_at_risk_95": float(measures.value_at_risk(values, 0.95)),
        "ulcer": ulcer(nav),
        "calmar": growth / -deepest if deepest < 0.0 else float("nan"),
        "skewness": float(np.mean(moved**3) / deviation**3) if deviation > 0.0 else float("nan"),
        "kurtosis": float(np.mean(moved**4) / deviation**4) if deviation > 0.0 else float("nan"),
        "worst_session": float(values.min()),
        "best_session": float(values.max()),
        "days_under_water": float(days_under_water(nav)),
        "total_return": float(nav.iloc[-1] / nav.iloc[0] - 1.0),
    }


def performance_of_many(
    nav: Array, sessions: pd.DatetimeIndex, risk_free: pd.Series, market: pd.Series
) -> pd.DataFrame:
    """The first six figures of `performance` for many accounts at once: one row an account.

    nav (n_accounts, n_sessions), positive; risk_free and market: returns by session, known from the second session on.
    """
    returns = nav[:, 1:] / nav[:, :-1] - 1.0
    days = (sessions[-1] - sessions[0]).days
    excess = returns - risk_free.reindex(sessions[1:]).to_numpy(dtype=np.float64)
    scale = np.sqrt(TRADING_SESSIONS_PER_YEAR)
    moved = market.reindex(sessions[1:]).to_numpy(dtype=np.float64)
    known = np.isfinite(moved)
    moved = moved[known] - moved[known].mean()
    return pd.DataFrame(
        {
            "cagr": (nav[:, -1] / nav[:, 0]) ** (DAYS_PER_YEAR / days) - 1.0,
            "volatility": returns.std(axis=1, ddof=1) * scale,
            "sharpe": excess.mean(axis=1) / excess.std(axis=1, ddof=1) * scale,
            "max_drawdown": (nav / np.maximum.accumulate(nav, axis=1) - 1.0).min(axis=1),
            "cvar_95": measures.cvar(returns, 0.95),
            "beta_to_market": returns[:, known] @ moved / float(moved @ moved),
        }
    )
