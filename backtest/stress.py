"""What has hurt, what would hurt, and what it takes to break the position.

1. Named windows, close to close, with the S&P 500's own return as published; those in which a short of weak companies
   *must* lose (the squeeze of January 2021, the junk rally of 2025) are marked, and come first in every report.
2. Shocks move today's position: the market, the AI trade beyond the market, a squeeze of the shorts, rates, borrow
   fees, liquidity. Instant shocks are a loss now; carry shocks a cost a year. Both as fractions of NAV.
3. Replays apply a window's returns to today's ratio instead of the one held then.
4. Reverse stress: the smallest squeeze of the shorts, the book falling with it or not, that triggers a margin call,
   and the one that ruins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from market.errors import ConfigError

LONG_MAINTENANCE = 0.25  # FINRA 4210, long stock
SHORT_MAINTENANCE = 0.30  # FINRA 4210, short stock at 5 USD or more


@dataclass(frozen=True)
class Window:
    """From the close of `start` to the close of `end`; `sp500` is the index's published price return."""

    name: str
    start: pd.Timestamp
    end: pd.Timestamp
    note: str
    must_lose: bool = False
    sp500: float = float("nan")


def _window(name: str, start: str, end: str, sp500: float, note: str, must_lose: bool = False) -> Window:
    return Window(name, pd.Timestamp(start), pd.Timestamp(end), note, must_lose, sp500)


NAMED_WINDOWS: tuple[Window, ...] = (
    _window("Dot-com bust", "2000-03-10", "2002-10-09", float("nan"), "Nasdaq -77.9 %"),
    _window("Financial crisis", "2007-10-09", "2009-03-09", -0.5678, "the worst fall since the 1930s"),
    _window("US downgrade", "2011-07-22", "2011-08-08", -0.1677, "debt ceiling and downgrade"),
    _window("2018 Q4", "2018-09-20", "2018-12-24", -0.1978, "tightening and trade war"),
    _window("COVID", "2020-02-19", "2020-03-23", -0.3392, "the fastest bear market"),
    _window(
        "Meme squeeze",
        "2021-01-22",
        "2021-01-29",
        -0.0331,
        "most-shorted names rise while the market falls: the worst case for this hedge",
        must_lose=True,
    ),
    _window("2022 bear", "2022-01-03", "2022-10-12", -0.2543, "unprofitable technology led down"),
    _window("Yen carry", "2024-07-16", "2024-08-05", -0.085, "unwinding of carry trades; VIX 65.7 intraday"),
    _window("DeepSeek", "2025-01-24", "2025-01-27", -0.0146, "NVIDIA -17 %, most other shares rose"),
    _window("Tariffs", "2025-04-02", "2025-04-08", -0.121, "the next day S&P 500 +9.5 %: shorts gap up"),
    _window(
        "Junk rally",
        "2025-04-08",
        "2025-10-28",
        0.383,
        "most-shorted names doubled from the April low: a short of weak companies must lose",
        must_lose=True,
    ),
    _window("November 2025", "2025-10-28", "2025-11-20", -0.051, "first close below the 50-day average on 17 November"),
)


def covered(windows: Iterable[Window], sessions: pd.DatetimeIndex) -> list[Window]:
    """The windows that lie wholly within the sessions."""
    if len(sessions) == 0:
        return []
    return [one for one in windows if sessions[0] <= one.start and one.end <= sessions[-1]]


def window_returns(nav: pd.DataFrame, windows: Sequence[Window] = NAMED_WINDOWS) -> pd.DataFrame:
    """Return of every column over every covered window: `window, start, end, <columns>, note, must_lose, sp500`.

    nav  values or levels by session; a date without a session takes the session before
    """
    sessions = pd.DatetimeIndex(nav.index)
    rows = []
    for one in covered(windows, sessions):
        ends = nav.iloc[[int(sessions.searchsorted(day, side="right")) - 1 for day in (one.start, one.end)]]
        change = ends.to_numpy(dtype=np.float64)
        rows.append(
            {
                "window": one.name,
                "start": one.start,
                "end": one.end,
                **dict(zip(map(str, nav.columns), change[1] / change[0] - 1.0, strict=True)),
                "note": one.note,
                "must_lose": one.must_lose,
                "sp500": one.sp500,
            }
        )
    return pd.DataFrame(rows, columns=["window", "start", "end", *map(str, nav.columns), "note", "must_lose", "sp500"])


@dataclass(frozen=True)
class Position:
    """A hedged account as it stands. Money as fractions of NAV, the short positive; rates decimals a year.

    beta, ai_beta      of book and basket: to the market, and to the AI trade beyond the market
    rate_beta          return of book and basket for a rise in rates of one percentage point
    days_to_trade      sessions the basket needs at the usual participation
    impact             what buying it back in one session costs, of NAV
    crowded            weight in the basket of its most-shorted fifth
    """

    long: float
    short: float
    beta_long: float
    beta_short: float
    ai_beta_long: float = 0.0
    ai_beta_short: float = 0.0
    rate_beta_long: float = 0.0
    rate_beta_short: float = 0.0
    borrow_fee: float = 0.0
    days_to_trade: float = float("nan")
    impact: float = 0.0
    crowded: float = 0.0


@dataclass(frozen=True)
class Shock:
    """One thing that happens; returns are decimals, rates in decimals a year, factors multiply."""

    name: str
    market: float = 0.0
    ai: float = 0.0
    squeeze: float = 0.0
    crowded: float = 0.0
    rates: float = 0.0
    borrow_factor: float = 1.0
    liquidity_factor: float = 1.0


SHOCKS: tuple[Shock, ...] = (
    Shock("market -20 %", market=-0.20),
    Shock("market +10 %", market=0.10),
    Shock("AI -20 % beyond the market", ai=-0.20),
    Shock("AI +20 % beyond the market", ai=0.20),
    Shock("squeeze: shorts +30 %, market flat", squeeze=0.30),
    Shock("squeeze +30 %, market -5 %", squeeze=0.30, market=-0.05),
    Shock("most shorted fifth doubles", crowded=1.0),
    Shock("rates +100 bp", rates=0.01),
    Shock("rates -200 bp", rates=-0.02),
    Shock("borrow x 3", borrow_factor=3.0),
    Shock("liquidity halved", liquidity_factor=0.5),
)


def apply_shock(position: Position, shock: Shock) -> dict[str, float]:
    """P&L of `book`, `hedge` and `hedged` at once, and the change of `carry_annual`, `exit_cost`, `days_to_trade`.

    A squeeze moves the shorts alone, on top of what market and AI do to them; a crowded one only the most shorted. A
    rise in rates moves book and basket by their rate betas, market and AI held still, and pays the credit on cash and
    short proceeds for a year: `rates x (1 - long + short)`. Halved liquidity doubles the days to trade and raises
    square-root impact by sqrt(2).
    """
    if shock.liquidity_factor <= 0.0 or shock.borrow_factor < 0.0:
        raise ConfigError(f"{shock.name}: a liquidity factor must be positive, a borrow factor not negative")
    points = shock.rates * 100.0
    book = position.long * (
        position.beta_long * shock.market + position.ai_beta_long * shock.ai + position.rate_beta_long * points
    )
    basket = position.beta_short * shock.market + position.ai_beta_short * shock.ai + position.rate_beta_short * points
    hedge = -position.short * (basket + shock.squeeze + position.crowded * shock.crowded)
    fees = (shock.borrow_factor - 1.0) * position.borrow_fee * position.short
    return {
        "book": book,
        "hedge": hedge,
        "hedged": book + hedge,
        "carry_annual": shock.rates * (1.0 - position.long + position.short) - fees,
        "exit_cost": position.impact * (1.0 - np.sqrt(1.0 / shock.liquidity_factor)),
        "days_to_trade": position.days_to_trade / shock.liquidity_factor,
    }


def shock_table(position: Position, shocks: Sequence[Shock] = SHOCKS) -> pd.DataFrame:
    """One row a shock."""
    table = pd.DataFrame([apply_shock(position, shock) for shock in shocks], index=[shock.name for shock in shocks])
    table.index.name = "shock"
    return table


def replay(ratio: float, windows: pd.DataFrame, book: str = "book", basket: str = "basket") -> pd.DataFrame:
    """Today's ratio through past windows: `hedged = book - ratio x basket`, nothing rebalanced, before costs.

    windows  of `window_returns`, with the returns of book and basket
    """
    table = windows[["window", "start", "end", book, basket, "must_lose"]].copy()
    table["hedge"] = -ratio * table[basket]
    table["hedged"] = table[book] + table["hedge"]
    return table


@dataclass(frozen=True)
class BreakingPoint:
    """Rise of the shorts that triggers a margin call, that ruins, and the book's move that goes with each.

    Infinite where no rise does it; zero where the account is under the requirement already.
    """

    margin_call: float
    ruin: float
    book_per_squeeze: float


def reverse_stress(
    position: Position,
    book_per_squeeze: float = 0.0,
    long_maintenance: float = LONG_MAINTENANCE,
    short_maintenance: float = SHORT_MAINTENANCE,
) -> BreakingPoint:
    """The smallest uniform rise of the shorts after which equity falls short of maintenance margin.

    book_per_squeeze  return of the book per unit rise of the shorts: 0 leaves it, -0.1 lets it fall by a tenth of it
                      (January 2021), a positive number lets it rise along (a junk rally)

    Equity `1 + s (b L - S)`, requirement `m_L L (1 + b s) + m_S S (1 + s)`, both linear in the squeeze `s` until the
    book is worth nothing, and again beyond.
    """
    long, short = position.long, position.short

    def excess(squeeze: float, maintenance: bool) -> float:
        """Equity, less the requirement where maintenance counts."""
        fall = max(book_per_squeeze * squeeze, -1.0)
        required = long_maintenance * long * (1.0 + fall) + short_maintenance * short * (1.0 + squeeze)
        return 1.0 + fall * long - short * squeeze - (required if maintenance else 0.0)

    gone = -1.0 / book_per_squeeze if book_per_squeeze < 0.0 else float("inf")

    def first(maintenance: bool) -> float:
        if excess(0.0, maintenance) <= 0.0:
            return 0.0
        if gone == float("inf"):
            return _root(excess(0.0, maintenance), excess(1.0, maintenance) - excess(0.0, maintenance))
        at_gone = excess(gone, maintenance)
        if at_gone <= 0.0:
            return _root(excess(0.0, maintenance), (at_gone - excess(0.0, maintenance)) / gone)
        return gone + _root(at_gone, excess(gone + 1.0, maintenance) - at_gone)

    return BreakingPoint(first(True), first(False), book_per_squeeze)


def squeeze_for_loss(position: Position, loss: float) -> float:
    """Rise of the shorts alone that loses `loss` of NAV (a positive fraction); infinite without a short."""
    return loss / position.short if position.short > 0.0 else float("inf")


def at_ratio(position: Position, ratio: float) -> Position:
    """The same account with another amount of hedge per dollar of book."""
    return replace(position, short=ratio * position.long)


def _root(value: float, slope: float) -> float:
    """Distance at which a positive `value` with this slope reaches zero; infinite where it never does."""
    return value / -slope if slope < 0.0 else float("inf")
