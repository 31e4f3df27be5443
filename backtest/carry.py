"""What it costs, or pays, to hold positions overnight: interest, rebate, borrow fee.

1. Over the nights from session t - 1 to session t, everything accrues on the positions and marks of the close of t - 1
   at the rates known then, for the calendar days between (a weekend is three), on the actual/360 convention.
2. Own money, NAV less the long market value, earns the benchmark less `credit_spread`, or pays the benchmark plus
   `debit_spread` when it is negative (the margin loan).
3. Each dollar sold short earns the benchmark less `rebate_spread`: that is the rebate before the fee.
4. The borrow fee of each name is a line of its own, -fee x |short market value|: never inside the rebate as well.
5. With a settlement lag of m sessions, the nights are those between the settlement dates of t - 1 and t.

Source: `interest = r (NAV - long) + (benchmark - spread) |short|`, `borrow = -fee |short|`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.broadcast import Floats, Varying, over
from market.errors import ConfigError

MONEY_MARKET_YEAR = 360  # actual/360: fed funds, SOFR and stock loan all accrue on it
T_PLUS_2 = pd.Timestamp("2017-09-05")  # settlement shortened from T+3
T_PLUS_1 = pd.Timestamp("2024-05-28")  # and again


@dataclass(frozen=True)
class Financing:
    """Terms of the account. Rates are decimals a year; each may vary by session.

    benchmark       overnight rate known at each session's close (fed funds, SOFR)
    rebate_spread   what the prime broker keeps of the benchmark on short proceeds
    credit_spread   what it keeps on the account's own idle money
    debit_spread    what it adds on a margin loan
    settlement      'trade' accrues from trade date; 'standard' from settlement (T+3, T+2, T+1 by date)
    """

    benchmark: Varying = 0.0
    rebate_spread: Varying = 0.0
    credit_spread: Varying = 0.0
    debit_spread: Varying = 0.0
    settlement: str = "trade"


@dataclass(frozen=True)
class Swap:
    """A total-return swap in place of borrowed shares: financing instead of rebate and fee.

    spread           the dealer's spread: the short leg receives benchmark - spread on the notional, decimal a year
    initial_margin   share of the notional posted
    margin_spread    what posted margin earns below the account's own money, decimal a year
    reset            'event': the notional is that of the last trade; 'daily': it follows the market
    """

    spread: Varying = 0.0
    initial_margin: float = 0.0
    margin_spread: Varying = 0.0
    reset: str = "event"


@dataclass(frozen=True)
class Accruals:
    """Multipliers for the nights into each session (row 0 is zero: nothing is held before it).

    days    calendar days, (n_sessions,)
    credit  interest per dollar of own money in credit, (n_sessions,)
    debit   interest per dollar of own money in debit, (n_sessions,)
    rebate  rebate per dollar short, (n_sessions,)
    """

    days: Floats
    credit: Floats
    debit: Floats
    rebate: Floats


def day_counts(
    sessions: pd.DatetimeIndex, settlement: str = "trade", later_sessions: Sequence[pd.Timestamp] = ()
) -> Floats:
    """Calendar days that accrue into each session; 0 for the first.

    With ``settlement='standard'`` a position held over (t - 1, t] accrues from the settlement of t - 1 to that of t.
    `later_sessions` are the exchange sessions after the last one, known in advance; without them weekdays serve.

    >>> day_counts(pd.DatetimeIndex(["2024-01-04", "2024-01-05", "2024-01-08"])).tolist()
    [0.0, 1.0, 3.0]
    """
    if settlement == "trade":
        settles = sessions
    elif settlement == "standard":
        later = (
            pd.DatetimeIndex(list(later_sessions))
            if len(later_sessions)
            else pd.bdate_range(sessions[-1], periods=9)[1:]
        )
        every = sessions.append(later[later > sessions[-1]])
        lag = np.where(sessions < T_PLUS_2, 3, np.where(sessions < T_PLUS_1, 2, 1))
        # The sessions around a shortening settle together, never backwards.
        settles = pd.DatetimeIndex(np.maximum.accumulate(every[np.arange(len(sessions)) + lag].to_numpy()))
    else:
        raise ConfigError(f"settlement: {settlement!r} is neither 'trade' nor 'standard'")
    ordinal = settles.to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.concatenate([[0.0], np.diff(ordinal).astype(np.float64)])


def accruals(sessions: pd.DatetimeIndex, terms: Financing, later_sessions: Sequence[pd.Timestamp] = ()) -> Accruals:
    """The terms as multipliers by session. Rates of session t - 1 accrue over the nights into t."""
    days = day_counts(sessions, terms.settlement, later_sessions)
    year = days / MONEY_MARKET_YEAR

    def before(value: Varying, name: str) -> Floats:
        known = over(value, len(sessions), 1, name)[:, 0]
        return np.concatenate([[0.0], known[:-1]])

    benchmark = before(terms.benchmark, "benchmark")
    return Accruals(
        days=days,
        credit=(benchmark - before(terms.credit_spread, "credit_spread")) * year,
        debit=(benchmark + before(terms.debit_spread, "debit_spread")) * year,
        rebate=(benchmark - before(terms.rebate_spread, "rebate_spread")) * year,
    )


def swap_accruals(sessions: pd.DatetimeIndex, terms: Financing, swap: Swap) -> Floats:
    """What the short leg of a swap receives into each session per dollar of notional; (n_sessions,).

    benchmark - spread, less what posted margin earns below the account's own money. There is no borrow line: the
    dealer's spread holds it.
    """
    if swap.reset not in ("event", "daily"):
        raise ConfigError(f"swap.reset: {swap.reset!r} is neither 'event' nor 'daily'")

    def before(value: Varying, name: str) -> Floats:
        return over(value, len(sessions), 1, name)[:-1, 0]

    rate = before(terms.benchmark, "benchmark") - before(swap.spread, "swap.spread")
    rate = rate - swap.initial_margin * before(swap.margin_spread, "swap.margin_spread")
    return np.concatenate([[0.0], rate * day_counts(sessions, terms.settlement)[1:] / MONEY_MARKET_YEAR])


def borrow_accruals(fee_annual: Floats, marks: Floats, days: Floats) -> Floats:
    """Borrow owed into each session per share short: yesterday's fee x yesterday's mark x days / 360.

    All arrays (n_sessions, n_assets) but `days` (n_sessions,).
    """
    owed = np.zeros(marks.shape)
    np.multiply(fee_annual[:-1], marks[:-1], out=owed[1:])
    owed[1:] *= days[1:, None] / MONEY_MARKET_YEAR
    return owed
