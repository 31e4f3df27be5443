r"""How much money a basket can carry: days to trade, float, impact, and the notional at which it gets too dear.

1. Average daily volume (ADV) is the median of close × volume over 20 sessions, in USD.
2. Capacity in D days at participation c: `min_i c·D·ADV_i/w_i`; days to trade a notional N: `max_i N·w_i/(c·ADV_i)`.
3. Squeeze limit: no position above 1 % of a name's float.
4. Impact of trading Q: `Y·σ·√(Q/ADV)`, σ the daily volatility, Q/ADV at most 1 (Almgren et al. 2005 for the form).
5. With one-way turnover T a year, of which each name trades its share, the impact a year in bps of the notional grows
   with √N, so the notional at which it reaches x bps follows from one evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.trading_cost import IMPACT_COEFFICIENT, impact
from market.errors import ConfigError

if TYPE_CHECKING:
    from market.view import View

Floats = npt.NDArray[np.float64]

ADV_SESSIONS = 20
VOLATILITY_SESSIONS = 63
PARTICIPATION = 0.10
DAYS = 5.0
FLOAT_SHARE = 0.01
BPS = 1e4
REBALANCES_PER_YEAR = 4
ASSUMED_TURNOVER = 1.0  # one-way a year where no history tells: about that of a quarterly basket with a buffer
IMPACT_LIMITS_BPS = (10.0, 25.0, 50.0)


def days_to_trade(notional: Floats, adv_usd: Floats, participation: float = PARTICIPATION) -> Floats:
    """Sessions to trade each amount of USD at a share of the volume; infinite where no volume is known.

    >>> days_to_trade(np.array([5e6]), np.array([1e8])).tolist()
    [0.5]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        days = np.abs(notional) / (participation * adv_usd)
    return np.where(np.isfinite(days), days, np.where(notional == 0, 0.0, np.inf))


def basket_capacity(
    weights: Floats, adv_usd: Floats, participation: float = PARTICIPATION, days: float = DAYS
) -> float:
    """USD that can be traded in `days`: the least over the names; 0 when a name has no volume."""
    held = weights != 0
    return float(np.min(participation * days * np.nan_to_num(adv_usd[held]) / np.abs(weights[held])))


def annual_impact_bps(notional: float, weights: Floats, adv_usd: Floats, volatility: Floats, turnover: float) -> float:
    """Impact a year in bps of the notional.

    turnover: one-way a year. Each name trades its share of it, `2·turnover·w` of the notional, in four rebalances; a
    name without volume or volatility counts as the median of the others; NaN where none has them.
    """
    held = weights != 0
    one_trade = np.abs(weights[held]) * notional * 2.0 * turnover / REBALANCES_PER_YEAR
    fraction = impact(one_trade, adv_usd[held], volatility[held])
    known = fraction[np.isfinite(fraction)]
    if known.size == 0:
        return float("nan")
    fraction = np.where(np.isfinite(fraction), fraction, np.median(known))
    return float(BPS * REBALANCES_PER_YEAR * (one_trade * fraction).sum() / notional)


def notional_at_impact(
    limit_bps: float, weights: Floats, adv_usd: Floats, volatility: Floats, turnover: float
) -> float:
    """USD at which the impact reaches `limit_bps` a year; impact grows with the root of the notional."""
    probe = 1e6  # small enough that no name trades its whole volume
    bps = annual_impact_bps(probe, weights, adv_usd, volatility, turnover)
    return float("inf") if bps == 0 else probe * (limit_bps / bps) ** 2


def name_notional_at_impact(
    limit_bps: float, weights: Floats, adv_usd: Floats, volatility: Floats, turnover: float = ASSUMED_TURNOVER
) -> Floats:
    r"""USD of the basket (n_names,) at which trading a name costs `limit_bps` a year of that name's own position.

    With T the one-way turnover a year and Q = 2TwN/4 a rebalance, `x = 2T·Y·σ·√(Q/ADV)` is solved for N. NaN without
    volume or volatility, infinite where trading a whole day's volume would not cost that much.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (limit_bps / BPS / (2.0 * turnover * IMPACT_COEFFICIENT * volatility)) ** 2
        size = share * adv_usd * REBALANCES_PER_YEAR / (2.0 * turnover * np.abs(weights))
    return np.where(share > 1.0, np.inf, size)


def capacity_summary(view: View, weights: pd.Series, turnover: float = ASSUMED_TURNOVER) -> dict[str, float]:
    """USD the whole basket can carry, by what limits it.

    weights: by ticker. turnover: one-way a year. Keys: `five_days` at a tenth of the volume, `float` at 1 % of each
    name's float, and `impact_10bps`, `impact_25bps`, `impact_50bps` a year.
    """
    columns = view.tickers.get_indexer(weights.index)
    weight = weights.to_numpy(dtype=float)
    adv, sigma = view.dollar_volume(ADV_SESSIONS)[columns], daily_volatility(view)[columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        by_float = FLOAT_SHARE * float_shares(view)[columns] * view.close()[columns] / np.abs(weight)
    known = by_float[np.isfinite(by_float)]
    out = {
        "five_days": basket_capacity(weight, adv),
        "float": float(known.min()) if known.size else float("nan"),
    }
    for limit in IMPACT_LIMITS_BPS:
        out[f"impact_{limit:g}bps"] = notional_at_impact(limit, weight, adv, sigma, turnover)
    return out


def daily_volatility(view: View, n_sessions: int = VOLATILITY_SESSIONS) -> Floats:
    """Standard deviation of daily total returns (n_assets,), over at least half the sessions; NaN otherwise."""
    returns = view.returns(n_sessions)
    known = np.isfinite(returns).sum(axis=0) * 2 >= n_sessions
    out = np.full(returns.shape[1], np.nan)
    out[known] = np.nanstd(returns[:, known], axis=0, ddof=1)
    return out


def float_shares(view: View) -> Floats:
    """Shares that float: as published with the short interest, else all shares (market capitalisation over close)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        outstanding = view.market_cap() / view.close()
    published = view.short_interest("float_shares")
    return np.where(np.isfinite(published), published, outstanding)


def capacity_table(
    view: View,
    weights: pd.Series,
    notional: float | None = None,
    *,
    participation: float = PARTICIPATION,
    days: float = DAYS,
) -> pd.DataFrame:
    """Liquidity of each name, indexed by ticker.

    weights: by ticker, of the basket. notional: USD; by default the basket's capacity. Columns: weight, notional,
    shares, adv_usd, adv_share (of one day's volume), days_to_trade, float_share, impact_bps (of what is traded, all at
    once), capacity_usd (of the basket, were this name the tightest), float_capacity_usd (at 1 % of the float),
    impact_capacity_usd (of the basket, where trading the name costs 10 bps a year of its position, at a one-way
    turnover of 1).
    Raises `ConfigError` for a notional that is not positive.
    """
    if notional is not None and not notional > 0:
        raise ConfigError(f"notional: {notional:g} is no size; give USD above 0")
    columns = view.tickers.get_indexer(weights.index)
    weight = np.abs(weights.to_numpy(dtype=float))
    adv = view.dollar_volume(ADV_SESSIONS)[columns]
    price = view.close()[columns]
    size = basket_capacity(weight, adv, participation, days) if notional is None else float(notional)
    money = size * weight
    with np.errstate(divide="ignore", invalid="ignore"):
        frame = pd.DataFrame(
            {
                "weight": weights.to_numpy(dtype=float),
                "notional": money,
                "shares": money / price,
                "adv_usd": adv,
                "adv_share": money / adv,
                "days_to_trade": days_to_trade(money, adv, participation),
                "float_share": money / price / float_shares(view)[columns],
                "impact_bps": BPS * impact(money, adv, daily_volatility(view)[columns]),
                "capacity_usd": participation * days * np.nan_to_num(adv) / weight,
                "float_capacity_usd": FLOAT_SHARE * float_shares(view)[columns] * price / weight,
                "impact_capacity_usd": name_notional_at_impact(
                    IMPACT_LIMITS_BPS[0], weight, adv, daily_volatility(view)[columns]
                ),
            },
            index=weights.index,
        )
    frame.index.name = "ticker"
    return frame
