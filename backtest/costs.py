"""What a trade costs, and how much may be traded.

1. A side costs half the spread plus commission, per dollar traded; sells (short sales included) pay `sell_fee` on top.
2. Impact, where asked for, adds Y x sigma x sqrt(traded / ADV): the square-root law, with traded / ADV capped by the
   participation limit.
3. A participation limit cuts an order at `participation` x ADV a session, a cap on a short stops it from growing; the
   rest is worked on the next `work_sessions` sessions and then dropped until the sleeve is sized again.
4. Where there are no quotes, the half-spread comes from market capitalisation (`basket.trading_cost.half_spread`).
5. A terminal price is a payout, not a trade: it costs nothing and knows no limit.

Source: Almgren et al. (2005), "Direct Estimation of Equity Market Impact", for the square-root form's range of Y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Floats, Varying, over
from market.errors import ConfigError

HIGHEST_RATE: Final = 0.25  # a side above 25 % is a unit mistake (bps given as a fraction)


@dataclass(frozen=True)
class Costs:
    """Decimal per dollar traded; each may be scalar, per name, per session, or both.

    half_spread     half the quoted spread over the mid
    commission      broker's fee
    sell_fee        on sells and short sales only (SEC fee)
    impact          Y of the square-root law; 0 for none, else `volatility` and `adv_usd` are needed
    volatility      standard deviation of a day's return, decimal
    adv_usd         average daily dollar volume
    participation   largest share of ADV traded in a session; infinite for no limit
    work_sessions   sessions after an event on which the unfilled rest is worked
    """

    half_spread: Varying = 0.0
    commission: Varying = 0.0
    sell_fee: Varying = 0.0
    impact: float = 0.0
    volatility: Varying | None = None
    adv_usd: Varying | None = None
    participation: float = np.inf
    work_sessions: int = 0


@dataclass(frozen=True)
class Rates:
    """Costs by session and name: `buy`, `sell` per dollar, `impact` per dollar and root of dollars, `limit` in USD."""

    buy: Floats
    sell: Floats
    impact: Floats
    limit: Floats


def rates(costs: Costs, n_sessions: int, n_assets: int) -> Rates:
    """The costs as read-only (n_sessions, n_assets) views.

    Raises ``ConfigError`` on rates below 0 or above 25 %, and on impact or limits without the volume they need.
    """
    shape = (n_sessions, n_assets)
    side = [over(v, *shape, f"costs.{k}", missing=True) for k, v in _sides(costs)]
    _demand_range("costs.half_spread + commission", sum(_core(a) for a in side[:2]))
    buy = _sum(side[:2], shape)
    sell = buy if not _core(side[2]).any() else _sum(side, shape)
    impact, limit = over(0.0, *shape, "impact"), over(np.inf, *shape, "limit")
    if costs.impact < 0 or not costs.participation > 0:
        raise ConfigError("costs: impact must be 0 or more, and participation above 0")
    if costs.impact > 0 or np.isfinite(costs.participation):
        if costs.adv_usd is None:
            raise ConfigError("costs: market impact and a participation limit need adv_usd")
        adv = over(costs.adv_usd, *shape, "costs.adv_usd", missing=True)
        limit = costs.participation * adv if np.isfinite(costs.participation) else limit
        if costs.impact > 0:
            if costs.volatility is None:
                raise ConfigError("costs: market impact needs volatility")
            sigma = over(costs.volatility, *shape, "costs.volatility", missing=True)
            impact = costs.impact * sigma / np.sqrt(np.where(adv > 0, adv, np.nan))
    return Rates(buy, sell, impact, limit)


def _sides(costs: Costs) -> tuple[tuple[str, Varying], ...]:
    return ("half_spread", costs.half_spread), ("commission", costs.commission), ("sell_fee", costs.sell_fee)


def _core(view: Floats) -> Floats:
    """The numbers behind a broadcast view, each once."""
    return view[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in view.strides)]


def _sum(views: list[Floats], shape: tuple[int, int]) -> Floats:
    return np.broadcast_to(sum((_core(v) for v in views), np.zeros((1, 1))), shape)


def _demand_range(name: str, rate: npt.ArrayLike) -> None:
    array = np.asarray(rate)
    if (array < 0).any() or (array > HIGHEST_RATE).any():
        raise ConfigError(
            f"{name}: must lie between 0 and {HIGHEST_RATE} of the dollars traded; "
            f"found {np.nanmin(array):.6g} to {np.nanmax(array):.6g} (bps are divided by 10,000)"
        )
