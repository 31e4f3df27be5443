"""What changed since yesterday: the sheet a desk reads in the morning.

1. What is held: the positions of a file, or the basket's own, drifted from its last rebalance.
2. Weights: yesterday's, today's, and the distance to what was bought; the largest drift first.
3. Profit and loss by name of one session, dividends owed and the borrow fee accrued by calendar day, in USD.
4. What is new: flags that were not there yesterday, and earnings and ex-dates expected within ten sessions.
5. With a hedge ratio by session: how far it moved, and how far it is from what is held.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.book import read_holdings
from basket.building import Spec, build, read_spec
from basket.built import Basket
from basket.flags import expected_dividends, expected_earnings, flags
from basket.orders import decide_session, demand_size, held_shares
from basket.spec import BasketSpec
from market.errors import DataError

if TYPE_CHECKING:
    from market.market import Market

Floats = npt.NDArray[np.float64]

MONEY_MARKET_DAYS = 360.0


@dataclass(frozen=True)
class DailySheet:
    """names: by ticker, weight_before, weight, bought, drift, return, pnl, dividend, borrow, expected dates, new_flags.

    Money in USD from the holder's side: a short gains when the name falls, owes the dividend and pays the fee.
    ratio: yesterday's and today's hedge ratio and what is held, NaN without one.
    """

    as_of: pd.Timestamp
    before: pd.Timestamp
    notional: float
    names: pd.DataFrame
    ratio: dict[str, float]

    def totals(self) -> dict[str, float]:
        """Profit and loss, dividends and borrow of the session, and one-way drift from the weights bought."""
        return {
            "pnl": float(self.names["pnl"].sum()),
            "dividend": float(self.names["dividend"].sum()),
            "borrow": float(self.names["borrow"].sum()),
            "drift": 0.5 * float(self.names["drift"].abs().sum()),
        }

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        rows = self.names.reset_index().to_dict("records")
        return {
            "as_of": f"{self.as_of:%Y-%m-%d}",
            "before": f"{self.before:%Y-%m-%d}",
            "notional": self.notional,
            "totals": self.totals(),
            "ratio": {key: value if np.isfinite(value) else None for key, value in self.ratio.items()},
            "names": [{str(key): _plain(value) for key, value in row.items()} for row in rows],
        }


def daily_sheet(
    spec: str | os.PathLike[str] | Spec,
    data: Market,
    as_of: str | pd.Timestamp | None = None,
    notional: float = 25e6,
    *,
    holdings: str | os.PathLike[str] | None = None,
    exclude: Collection[str] | Basket = (),
    ratios: pd.Series | None = None,
    held_ratio: float = float("nan"),
    built: Basket | None = None,
) -> DailySheet:
    """The sheet of one session against the session before.

    notional: USD of the position at the close before. holdings: a CSV of what is held; by default the basket itself,
    built to the day (or `built`). ratios: hedge ratio by session. held_ratio: the ratio in force.
    Raises `ConfigError` for a bad date, notional or holdings, `DataError` when nothing is held.
    """
    demand_size(notional)
    session = decide_session(data, as_of)
    at = int(data.sessions.searchsorted(session))
    if at == 0:
        raise DataError(f"{session:%Y-%m-%d} is the first session of the data: there is no session before it")
    before = data.sessions[at - 1]
    chosen = read_spec(spec)
    sign = -1.0 if isinstance(chosen, BasketSpec) else 1.0
    panel = data.panel()
    if holdings is not None:
        shares, _ = held_shares(read_holdings(holdings, set(data.tickers)), data, session, notional)
        # The file counts shares after today's splits; yesterday there were fewer.
        start = np.abs(shares) / panel.split[at] * np.nan_to_num(panel.close[at - 1])
        bought = pd.Series(dtype=float)
        if not start.any():
            raise DataError(f"nothing held has a price on {before:%Y-%m-%d}")
        weight_before = start / start.sum()
    else:
        basket = built if built is not None else build(chosen, data, end=session, exclude=exclude)
        held = basket.held_on(before)
        weight_before = np.zeros(len(data.tickers))
        weight_before[data.tickers.get_indexer(held.index)] = held.to_numpy()
        done = basket.weights.index[basket.weights.index <= before]
        bought = basket.weights.loc[done[-1]]
    columns = np.flatnonzero(weight_before)
    frame = _names(data, at, columns, weight_before[columns], bought, notional * sign)
    return DailySheet(session, before, float(notional), frame, _ratio(ratios, before, session, held_ratio))


def _names(
    data: Market, at: int, columns: npt.NDArray[np.int64], weight: Floats, bought: pd.Series, money: float
) -> pd.DataFrame:
    panel = data.panel()
    today, yesterday = data.as_of(data.sessions[at]), data.as_of(data.sessions[at - 1])
    tickers = data.tickers[columns]
    close, last = panel.close[at, columns], panel.close[at - 1, columns]
    with np.errstate(invalid="ignore"):
        price_move = np.nan_to_num(panel.split[at, columns] * close / last - 1.0)
        paid = np.nan_to_num(panel.split[at, columns] * panel.dividend[at, columns] / last)
    grown = weight * (1.0 + price_move)
    now = grown / grown.sum()
    position = weight * money
    days = (data.sessions[at] - data.sessions[at - 1]).days
    fee = np.where(position < 0, yesterday.borrow_fee()[columns], 0.0)
    target = bought.reindex(tickers).fillna(0.0).to_numpy() if len(bought) else np.full(len(columns), np.nan)
    new = flags(today, columns, position * (1.0 + price_move))
    old = flags(yesterday, columns, position)
    frame = pd.DataFrame(
        {
            "weight_before": weight,
            "weight": now,
            "bought": target,
            "drift": now - target,
            "return": price_move + paid,
            "pnl": position * price_move,
            "dividend": position * paid,
            "borrow": -np.abs(position) * fee * days / MONEY_MARKET_DAYS,
            "earnings_expected": expected_earnings(today).reindex(tickers).to_numpy(),
            "dividend_expected": expected_dividends(today).reindex(tickers).to_numpy(),
            "new_flags": [tuple(f for f in mine if f not in theirs) for mine, theirs in zip(new, old, strict=True)],
        },
        index=pd.Index(tickers.astype(str), name="ticker"),
    )
    order = frame["drift"].abs().fillna(0.0).sort_values(ascending=False, kind="stable").index
    return frame.loc[order]


def _ratio(ratios: pd.Series | None, before: pd.Timestamp, session: pd.Timestamp, held: float) -> dict[str, float]:
    def at(day: pd.Timestamp) -> float:
        return float("nan") if ratios is None or day not in ratios.index else float(ratios.loc[day])

    old, new = at(before), at(session)
    return {"before": old, "now": new, "held": held, "change": new - old, "from_held": new - held}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return None if value is pd.NaT else value
