"""The failure score of Campbell, Hilscher and Szilagyi: accounting and market figures in one logit.

1. Market assets are market cap plus liabilities; four quarters of net income over them and twelve months of returns in
   excess of the S&P 500 are averaged with weights that halve every quarter (phi = 2^(-1/3) a month).
2. A month is 21 sessions; the S&P 500's return is SPY's total return, its size the market cap of the date's members.
3. Earlier market caps are today's share count at the earlier price.
4. Book equity is B + 0.1 (M - B), one dollar where negative, so that market-to-book lands in the right tail.
5. Every input is winsorised at the 5th and 95th percentile over stocks; constants are the 12-month column of Table IV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from market.errors import DataError
from screens.metrics import derived, price_history
from screens.metrics.tier_rule import Floats, plain
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View

PHI = 2 ** (-1 / 3)  # a month's weight: halves every quarter
SESSIONS_A_QUARTER = 63
HIGHEST_PRICE_USD = 15.0
TAILS = (5.0, 95.0)


def _winsorised(values: Floats, population: np.ndarray) -> Floats:
    values = np.where(np.isfinite(values), values, np.nan)
    inside = np.sort(values[population & np.isfinite(values)])
    if not inside.size:
        return values
    low, high = np.interp(np.multiply(TAILS, (inside.size - 1) / 100), np.arange(inside.size), inside)
    return np.minimum(np.maximum(values, low), high)


@metric(
    family="distress",
    unit="log odds",
    direction="higher_is_worse",
    formula=(
        "-9.16 - 20.26 NIMTAAVG + 1.42 TLMTA - 7.13 EXRETAVG + 1.41 SIGMA - 0.045 RSIZE - 2.13 CASHMTA + 0.075 MB"
        " - 0.058 PRICE, inputs winsorised 5/95"
    ),
    source="Campbell, Hilscher and Szilagyi (2008), J. Finance 63(6), Table IV, 12 months",
    needs=(
        "net_income",
        "liabilities",
        "cash_and_short_term_investments",
        "equity",
        "table:market_cap",
        "table:prices",
    ),
    excludes=NOT_FINANCIAL,
)
def chs_failure(view: View, *, index: str = "sp500", market: str = "SPY") -> Values:
    stocks = view.is_stock()
    inputs = failure_inputs(view, index, market)
    profit, owed, excess, sigma, size, cash, book, price = (_winsorised(values, stocks) for values in inputs)
    return plain(
        -9.16
        - 20.26 * profit
        + 1.42 * owed
        - 7.13 * excess
        + 1.41 * sigma
        - 0.045 * size
        - 2.13 * cash
        + 0.075 * book
        - 0.058 * price
    )


def failure_inputs(view: View, index: str, market: str) -> list[Floats]:
    """NIMTAAVG, TLMTA, EXRETAVG, SIGMA, RSIZE, CASHMTA, MB, PRICE before winsorising; each (n_assets,)."""
    cap, owed = view.market_cap(), derived.latest(view, "liabilities")
    assets = cap + owed
    profits = [
        view.item("net_income", "quarter", lag)
        / (price_history.market_cap_before(view, SESSIONS_A_QUARTER * lag) + derived.latest(view, "liabilities", lag))
        for lag in range(4)
    ]
    weights = (1 - PHI**3) / (1 - PHI**12) * PHI ** (3.0 * np.arange(4))
    excess = np.log1p(price_history.months(view)) - np.log1p(_index_months(view, market))[:, None]
    month_weights = (1 - PHI) / (1 - PHI**12) * PHI ** np.arange(12.0)
    n = price_history.counts(view, SESSIONS_A_QUARTER)
    sigma = np.sqrt(price_history.sum_of_squares(view, SESSIONS_A_QUARTER) * price_history.SESSIONS_A_YEAR / (n - 1))
    members = view.is_member(index)
    total = np.nansum(np.sort(cap[members if members.any() else view.is_stock()]))  # whatever the order of names
    equity = derived.latest(view, "equity")
    book = equity + 0.1 * (cap - equity)
    return [
        weights @ np.vstack(profits),
        owed / assets,
        month_weights @ excess,
        np.where(price_history.enough(view, SESSIONS_A_QUARTER), sigma, np.nan),
        np.log(cap / total),
        derived.latest(view, "cash_and_short_term_investments") / assets,
        cap / np.where(book <= 0, 1.0, book),
        np.log(np.minimum(view.close(), HIGHEST_PRICE_USD)),
    ]


def _index_months(view: View, ticker: str) -> Floats:
    """Monthly returns of the index fund, newest first; NaN where the store does not hold it."""
    month = price_history.SESSIONS_A_MONTH
    try:
        returns = view.series(ticker, 12 * month)
    except DataError:
        return np.full(12, np.nan)
    return np.multiply.reduce(1 + np.where(np.isnan(returns), 0.0, returns).reshape(12, month), axis=1)[::-1] - 1
