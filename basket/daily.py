"""What changed since yesterday: the sheet a desk reads in the morning.

1. What is held: the positions of a file, long and short as they are, or the basket's own since its last rebalance.
2. Weights: yesterday's, today's, and the distance to what the rulebook bought last; the largest drift first.
3. Profit and loss by name of one session (`day_moves`: mergers and delistings included), dividends owed and the borrow
   fee accrued by calendar day, in USD.
4. What is new: flags that were not there yesterday, and earnings and ex-dates expected within ten sessions. No calendar
   of announcements is read: expected are the dates of last year's same week, which were known by then.
5. With a hedge ratio by session: how far it moved, and how far it is from what is held.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.book import read_holdings
from basket.building import Spec, actions_of, build, read_spec
from basket.built import Basket
from basket.day_moves import DayMoves, day_moves
from basket.flags import expected_dividends, expected_earnings, flags
from basket.orders import DEFAULT_NOTIONAL, QUOTED_LONG, demand_size
from basket.prices import prices_of
from basket.spec import BasketSpec
from market.errors import DataError

if TYPE_CHECKING:
    from market.market import Market

Floats = npt.NDArray[np.float64]

MONEY_MARKET_DAYS = 360.0
EXPECTED_FROM = "earnings and ex-dates are expected 364 days after last year's; no announcement calendar is read"


@dataclass(frozen=True)
class DailySheet:
    """names: by ticker, weight_before, weight, bought, drift, return, pnl, dividend, borrow, expected dates, new_flags.

    Weights are positive on the side the basket or book is held, negative on the other, and sum to 1; where that side
    does not outweigh the other they are shares of the gross value.
    Money in USD from the holder's side: a short gains when the name falls, owes the dividend and pays the fee.
    notional: the USD that weights are of, at the close before. not_held: weight of names the rulebook bought last and
    `names` lacks.
    ratio: yesterday's and today's hedge ratio and what is held, NaN without one. happened: splits, dividends, mergers,
    deletions and halts of the day, in words. notes: what was assumed.
    """

    as_of: pd.Timestamp
    before: pd.Timestamp
    notional: float
    names: pd.DataFrame
    ratio: dict[str, float]
    not_held: dict[str, float] = field(default_factory=dict)
    happened: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def totals(self) -> dict[str, float]:
        """Profit and loss, dividends and borrow of the session, and one-way drift from the weights bought."""
        return {
            "pnl": float(self.names["pnl"].sum()),
            "dividend": float(self.names["dividend"].sum()),
            "borrow": float(self.names["borrow"].sum()),
            "drift": 0.5 * (float(self.names["drift"].abs().sum()) + sum(self.not_held.values())),
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
            "not_held": self.not_held,
            "happened": list(self.happened),
            "expected_from": EXPECTED_FROM,
            "notes": list(self.notes),
            "names": [{str(key): _plain(value) for key, value in row.items()} for row in rows],
        }


def daily_sheet(
    spec: str | os.PathLike[str] | Spec,
    data: Market,
    as_of: str | pd.Timestamp | None = None,
    notional: float | None = None,
    *,
    holdings: str | os.PathLike[str] | None = None,
    exclude: Collection[str] | Basket = (),
    ratios: pd.Series | None = None,
    held_ratio: float = float("nan"),
    built: Basket | None = None,
) -> DailySheet:
    """The sheet of one session against the session before.

    holdings: a CSV of what is held; by default the basket itself, built to the day (or `built`). notional: USD of the
    position at the close before, 25 m by default; shares of a file are worth what they are worth. built: the basket of
    the rulebook, whose last weights a file's are compared with. ratios: hedge ratio by session. held_ratio: the one in
    force.
    Raises `ConfigError` for a bad date, notional or holdings, `DataError` when nothing is held.
    """
    size = DEFAULT_NOTIONAL if notional is None else notional
    demand_size(size)
    session = data.session(as_of)
    at = int(data.sessions.searchsorted(session))
    if at == 0:
        raise DataError(f"{session:%Y-%m-%d} is the first session of the data: there is no session before it")
    before = data.sessions[at - 1]
    chosen = read_spec(spec)
    sign = -1.0 if isinstance(chosen, BasketSpec) else 1.0
    notes: list[str] = []
    basket = built
    if holdings is None and basket is None:
        basket = build(chosen, data, end=session, exclude=exclude)
    if holdings is not None:
        position, notes = _filed(holdings, data, at, size, sign)
    else:
        assert basket is not None
        if before < basket.sessions[0]:
            raise DataError(
                f"{chosen.name} is bought on {basket.sessions[0]:%Y-%m-%d} at the earliest: there is no day to compare "
                "with; take a later one, or give the holdings"
            )
        position = sign * size * _of(basket.held_on(before), data.tickers)
    bought = None
    if basket is not None:
        done = basket.weights.index[basket.weights.index <= before]
        bought = _of(basket.weights.loc[done[-1]], data.tickers) if len(done) else None
    columns = np.flatnonzero(position)
    moves = day_moves(prices_of(data), actions_of(chosen, data), at, columns)
    frame = _names(data, moves, at, columns, position[columns], sign, None if bought is None else bought[columns])
    missing = np.zeros(0, dtype=np.int64) if bought is None else np.setdiff1d(np.flatnonzero(bought), columns)
    return DailySheet(
        session,
        before,
        _whole(position, sign),
        frame,
        _ratio(ratios, before, session, held_ratio),
        {} if bought is None else {str(data.tickers[c]): float(bought[c]) for c in missing.tolist()},
        moves.told,
        tuple(notes),
    )


def _filed(
    holdings: str | os.PathLike[str], data: Market, at: int, size: float, sign: float
) -> tuple[Floats, list[str]]:
    """USD of each position of a file at the close before (n_assets,), negative for shorts, and what was assumed."""
    found, prices = read_holdings(holdings, set(data.tickers)), prices_of(data)
    columns = data.tickers.get_indexer(found.amounts.index)
    amounts = found.amounts.to_numpy(dtype=float)
    if found.unit == "shares":
        # The file counts shares after today's splits; yesterday there were fewer.
        amounts = amounts / prices.factor[at, columns] * prices.value[at - 1, columns]
    else:
        amounts = np.where(prices.value[at - 1, columns] > 0, amounts * size, 0.0)
    notes = [f"{name} has no price yet and is left alone" for name in found.amounts.index[amounts == 0]]
    if sign < 0 and (amounts >= 0).all():
        amounts = -amounts
        notes.append(QUOTED_LONG)
    if not amounts.any():
        raise DataError(f"nothing held has a price on {data.sessions[at - 1]:%Y-%m-%d}")
    position = np.zeros(len(data.tickers))
    position[columns] = amounts
    return position, notes


def _whole(position: Floats, sign: float) -> float:
    """What weights are shares of: the net on the side held, or the gross value where that is not positive."""
    net = float((sign * position).sum())
    return net if net > 0 else float(np.abs(position).sum())


def _of(weights: pd.Series, tickers: pd.Index) -> Floats:
    return weights.reindex(tickers).fillna(0.0).to_numpy(dtype=float)


def _names(
    data: Market,
    moves: DayMoves,
    at: int,
    columns: npt.NDArray[np.int64],
    position: Floats,
    sign: float,
    bought: Floats | None,
) -> pd.DataFrame:
    today, yesterday = data.as_of(data.sessions[at]), data.as_of(data.sessions[at - 1])
    tickers = data.tickers[columns]
    price_move, paid = moves.price, moves.paid
    worth = position * (1.0 + price_move)
    now = sign * worth / _whole(worth, sign)
    days = (data.sessions[at] - data.sessions[at - 1]).days
    fee = np.where(position < 0, yesterday.borrow_fee()[columns], 0.0)
    target = np.full(len(columns), np.nan) if bought is None else bought
    new = flags(today, columns, worth)
    old = flags(yesterday, columns, position)
    frame = pd.DataFrame(
        {
            "weight_before": sign * position / _whole(position, sign),
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
