"""What a desk should know about a name before it trades it. Of shorts alone:

- `hard_to_borrow`: fee of 200 bp or more. `fee_assumed`: no dated fee, the tier model's.
- `short_of_stock`: fewer than twice the shares wanted can be borrowed.
- `crowded`: short interest above 20 % of the float, more than 8 days to cover, or a squeeze score in the top tenth.

Of every position:

- `illiquid`: more than five days at a tenth of the volume. `no_volume`: volume unknown.
- `no_price`: no close on the day. `recent_listing`: fewer than 252 closes known.
- `earnings_expected`, `dividend_expected`: within ten sessions, by the date of a year ago.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.capacity import ADV_SESSIONS, DAYS, PARTICIPATION, days_to_trade
from market.errors import DataError
from screens.metrics import REGISTRY

if TYPE_CHECKING:
    from market.view import View

Floats = npt.NDArray[np.float64]

SHORT_ONLY = ("hard_to_borrow", "fee_assumed", "short_of_stock", "crowded")
HARD_TO_BORROW = 0.02  # decimal a year: the desk's 200 basis points
AVAILABLE_MULTIPLE = 2.0
CROWDED = {"short_percent_of_float": 0.20, "days_to_cover": 8.0, "squeeze_score": 0.90}  # the last a percentile
RECENT_SESSIONS = 252
SOON_SESSIONS = 10
SAME_WEEKDAY_LAST_YEAR = pd.Timedelta(days=364)


def flags(view: View, columns: npt.NDArray[np.int64], notional: Floats) -> list[tuple[str, ...]]:
    """Flags of the names at `columns` for positions of `notional` USD each (n_names,), negative for a short."""
    close = view.close()[columns]
    fee = view.borrow_fee()[columns]
    adv = view.dollar_volume(ADV_SESSIONS)[columns]
    shares = np.abs(notional) / close
    with np.errstate(invalid="ignore", divide="ignore"):
        crowded = np.zeros(len(columns), dtype=bool)
        for metric, limit in CROWDED.items():
            crowded |= _measured(view, metric)[columns] >= limit
        tests = {
            "hard_to_borrow": fee >= HARD_TO_BORROW,
            "fee_assumed": ~view.borrow_known()[columns],
            "short_of_stock": view.borrow_available()[columns] < AVAILABLE_MULTIPLE * shares,
            "illiquid": np.isfinite(adv) & (days_to_trade(notional, adv, PARTICIPATION) > DAYS),
            "no_volume": ~np.isfinite(adv),
            "crowded": crowded,
            "no_price": ~np.isfinite(close),
            "recent_listing": view.history_sessions()[columns] < RECENT_SESSIONS,
        }
    for label in SHORT_ONLY:
        tests[label] = tests[label] & (notional < 0)
    names = view.tickers[columns]
    tests["earnings_expected"] = names.isin(expected_earnings(view).index)
    tests["dividend_expected"] = names.isin(expected_dividends(view).index)
    return [tuple(label for label, hit in tests.items() if hit[i]) for i in range(len(columns))]


def _measured(view: View, metric: str) -> Floats:
    """A metric, NaN where the data lack what it is made of: a store without the market's fund has no squeeze score."""
    try:
        return REGISTRY[metric](view).value
    except DataError:
        return np.full(len(view.tickers), np.nan)


def expected_earnings(view: View) -> pd.Series:
    """Date by ticker of the announcements expected within ten sessions: those of last year's same week, 364 days on."""
    if not view.market.has("earnings"):
        return pd.Series(dtype="datetime64[ns]")
    known = view.earnings()
    return _soon(view.session, known["ticker"].astype(str).to_numpy(), pd.to_datetime(known["date"]))


def expected_dividends(view: View) -> pd.Series:
    """Date by ticker of the ex-dates expected within ten sessions, as `expected_earnings`."""
    panel = view.market.panel()
    last = panel.row(view.session)
    first = max(0, last - RECENT_SESSIONS - SOON_SESSIONS)
    rows, columns = np.nonzero(panel.dividend[first : last + 1] > 0)
    return _soon(view.session, view.tickers[columns].to_numpy(), pd.Series(panel.sessions[first + rows]))


def _soon(session: pd.Timestamp, tickers: npt.NDArray[np.object_], dates: pd.Series) -> pd.Series:
    expected = pd.Series(dates.to_numpy() + SAME_WEEKDAY_LAST_YEAR, index=tickers)
    horizon = session + pd.offsets.BDay(SOON_SESSIONS)
    soon = expected[(expected > session) & (expected <= horizon)].sort_values()
    return soon[~soon.index.duplicated()]
