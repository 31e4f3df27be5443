"""What the broker wants to see: initial and maintenance requirements, calls, and the buffer a squeeze takes.

1. A requirement is a rate per dollar of position; the account needs their sum as NAV.
2. Regulation T: initially half of each position (150 % of a short counts its proceeds); maintenance 25 % of longs, and
   of shorts the greater of 30 % and 5 USD a share, or, below 5 USD, the greater of 100 % and 2.50 USD a share.
3. Portfolio margin, in the manner of TIMS: the loss in a 15 % move of each name (8 % for broad indices), no offset.
4. Enforced, new targets are shrunk to what NAV carries initially; a close below maintenance is a call, and if NAV is
   still short at the next close every position is cut pro rata until it is not.
5. The buffer is what would have had to stand ready: the worst shortfall, and the worst fall of excess in a month.

Source: 12 CFR 220.12(c)(1); FINRA Rule 4210(c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from backtest.broadcast import Varying, over
from market.errors import ConfigError

if TYPE_CHECKING:
    import numpy.typing as npt

    from backtest.simulate import Simulation

LOW_PRICE: Final = 5.0  # USD a share: FINRA 4210 is stricter below
SQUEEZE_SESSIONS: Final = 21  # a month
ROUNDING: Final = 1e-9  # of the requirement: less is what a cut that met it leaves over, not a call


@dataclass(frozen=True)
class Margin:
    """Requirements per dollar of position; scalar, per name, per session, or both.

    enforce  False only measures
    """

    maintenance_long: Varying
    maintenance_short: Varying
    initial_long: Varying
    initial_short: Varying
    enforce: bool = True


@dataclass(frozen=True)
class Liquidity:
    """What it takes to live through the sample, USD.

    shortfall       most that NAV fell below maintenance; 0 if never
    shortfall_on    that session, or None
    calls           sessions that closed below maintenance
    peak_usage      highest share of NAV required
    squeeze         largest fall of NAV less maintenance within a month of sessions
    squeeze_from    where it began
    squeeze_to      where it ended
    """

    shortfall: float
    shortfall_on: pd.Timestamp | None
    calls: int
    peak_usage: float
    squeeze: float
    squeeze_from: pd.Timestamp
    squeeze_to: pd.Timestamp


def regulation_t(close: npt.ArrayLike, enforce: bool = True) -> Margin:
    """Regulation T and FINRA 4210 on closes as traded, (n_sessions, n_assets); a missing close keeps the last.

    >>> regulation_t([[100.0, 10.0, 4.0, 1.0]]).maintenance_short.round(3).tolist()
    [[0.3, 0.5, 1.0, 2.5]]
    """
    price = pd.DataFrame(np.asarray(close, dtype=np.float64)).ffill().fillna(LOW_PRICE).to_numpy()
    short = np.where(price >= LOW_PRICE, np.maximum(LOW_PRICE / price, 0.30), np.maximum(LOW_PRICE / 2.0 / price, 1.0))
    return Margin(maintenance_long=0.25, maintenance_short=short, initial_long=0.5, initial_short=0.5, enforce=enforce)


def portfolio_margin(
    is_index: npt.NDArray[np.bool_], rate: float = 0.15, index_rate: float = 0.08, enforce: bool = True
) -> Margin:
    """The loss in a move of `rate` of every name against the account; `index_rate` where `is_index`, (n_assets,)."""
    if not 0 < index_rate <= rate <= 1:
        raise ConfigError(f"margin: rates must satisfy 0 < index <= single <= 1, found {index_rate} and {rate}")
    each = np.where(np.asarray(is_index), index_rate, rate)[None, :]
    return Margin(each, each, each, each, enforce)


def usage(simulation: Simulation, margin: Margin) -> pd.DataFrame:
    """`required, excess, used` by session: maintenance in USD, NAV less it, and its share of NAV (NaN once ruined)."""
    held = simulation.positions(carried=True)
    name = simulation.tickers.get_indexer(held.columns.get_level_values("ticker"))
    worth = held.to_numpy() * simulation.tape.price[:, name]
    n_sessions, n_assets = simulation.tape.price.shape
    long = over(margin.maintenance_long, n_sessions, n_assets, "maintenance_long", missing=True)[:, name]
    short = over(margin.maintenance_short, n_sessions, n_assets, "maintenance_short", missing=True)[:, name]
    rate = np.where(worth > 0, long, np.where(worth < 0, short, 0.0))
    required = (np.abs(worth) * rate).sum(axis=1)
    nav = np.where(simulation.nav > 0, simulation.nav, np.nan)
    return pd.DataFrame(
        {"required": required, "excess": simulation.nav - required, "used": required / nav}, index=simulation.sessions
    )


def liquidity(simulation: Simulation, margin: Margin, sessions: int = SQUEEZE_SESSIONS) -> Liquidity:
    """The buffer the account would have needed, from the maintenance requirements of its own positions."""
    table = usage(simulation, margin)
    excess = table["excess"]
    falls = excess.rolling(sessions + 1, min_periods=1).max() - excess
    end = int(falls.to_numpy().argmax())
    begin = max(0, end - sessions)
    start = begin + int(excess.to_numpy()[begin : end + 1].argmax())
    lowest = float(excess.min())
    return Liquidity(
        shortfall=max(0.0, -lowest),
        shortfall_on=simulation.sessions[int(excess.to_numpy().argmin())] if lowest < 0 else None,
        calls=int((excess < -ROUNDING * table["required"]).sum()),
        peak_usage=float(table["used"].max()),
        squeeze=float(falls.max()),
        squeeze_from=simulation.sessions[start],
        squeeze_to=simulation.sessions[end],
    )
