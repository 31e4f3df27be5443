"""The capital cycle: what the hyperscalers spend, and who borrows.

1. Figures come from statements as known, read on the first session of each week through a view.
2. Fiscal years: the last one known of each company, against the one before. Calendar years: four single quarters that
   end in one calendar year; the last one that all companies have.
3. The change in debt is the latest balance less the one four quarters before; a company whose debt is unknown on either
   side is left out of numerator and denominator alike.
4. The borrowing share counts rises of debt only: repayments of others do not hide them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screens.metrics import derived
from screens.regime.registry import signal
from screens.regime.rolling import Array

if TYPE_CHECKING:
    from market import View
    from screens.regime.tape import Tape

HYPERSCALERS = "AMZN,GOOGL,META,MSFT,ORCL"
BORROWING_SECTORS = ("Information Technology", "Communication Services", "Utilities")
NOTE = "market note of November 2025"
FEWEST_BORROWERS = 20
QUARTERS_OF_TWO_YEARS = 12  # two whole calendar years lie within the last twelve quarters


def named(tape: Tape, names: str) -> NDArray[np.int64]:
    """Positions of comma-separated tickers; those that the store does not have are left out."""
    at = tape.columns([name.strip() for name in names.split(",")])
    return at[at >= 0]


def fiscal_capex(tape: Tape, names: str, years_back: int = 0) -> Array:
    """Capital expenditure of the last fiscal years known, USD, (n_weeks,); NaN unless every company has one."""
    at = named(tape, names)
    capex = tape.weekly_item("capital_expenditure", "year", years_back)[:, at]
    return capex.sum(axis=1) if at.size else np.full(len(capex), np.nan)


def calendar_capex(tape: Tape, names: str) -> Array:
    """Capital expenditure of the last calendar year that all have by quarters, and of the one before; (n_weeks, 2)."""
    at = named(tape, names)

    def read(view: View) -> Array:
        nothing = np.full(2, np.nan)
        for lag in (3, 2, 1, 0):
            if not at.size or np.isnan(view.item("capital_expenditure", "quarter", lag)[at]).any():
                return nothing  # no unbroken quarters, as where cash flows are annual
        totals: dict[int, Array] = {}
        for lag in range(QUARTERS_OF_TWO_YEARS):
            values = view.item("capital_expenditure", "quarter", lag)[at]
            years = view.item_period_end("capital_expenditure", "quarter", lag)[at].astype("datetime64[Y]")
            for place in np.flatnonzero(np.isfinite(values)):
                total = totals.setdefault(int(years[place].astype(np.int64)), np.zeros((2, len(at))))
                total[:, place] += values[place], 1
        whole = {year: float(total[0].sum()) for year, total in totals.items() if (total[1] == 4).all()}
        last = max(whole, default=None)
        return nothing if last is None else np.array([whole[last], whole.get(last - 1, np.nan)])

    return tape.weekly(f"calendar capex {names}", read)


@signal(
    unit="USD",
    fragile="neither",
    definition="capital expenditure of {tickers} in the last fiscal years known",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    return tape.held(fiscal_capex(tape, tickers))


@signal(
    unit="growth rate",
    fragile="high",
    definition="capital expenditure of {tickers} in the last fiscal years known, over the years before, - 1",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex_growth(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    now, before = fiscal_capex(tape, tickers), fiscal_capex(tape, tickers, 1)
    return tape.held(now / np.where(before > 0, before, np.nan) - 1)


@signal(
    unit="USD",
    fragile="neither",
    definition="capital expenditure of {tickers} in the last calendar year, by quarters",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex_calendar(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    """Unknown on a store whose cash flows are annual."""
    return tape.held(calendar_capex(tape, tickers)[:, 0])


@signal(
    unit="growth rate",
    fragile="high",
    definition="capital expenditure of {tickers} in the last calendar year over the one before, by quarters, - 1",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex_calendar_growth(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    last, before = calendar_capex(tape, tickers).T
    return tape.held(last / np.where(before > 0, before, np.nan) - 1)


def debt_change(tape: Tape) -> Array:
    """Debt less debt four quarters before, USD; shape (n_weeks, n_assets)."""
    return tape.weekly("debt change", lambda view: derived.debt(view) - derived.debt(view, 4))


@signal(
    unit="USD",
    fragile="high",
    definition="change in debt over four quarters of those of {tickers} whose debt is known",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_debt_change(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    change = debt_change(tape)[:, named(tape, tickers)]
    known = np.isfinite(change)
    return tape.held(np.where(known.any(axis=1), np.where(known, change, 0.0).sum(axis=1), np.nan))


@signal(
    unit="companies",
    fragile="neither",
    definition="number of companies of {tickers} whose debt is known now and four quarters ago",
    source="says how much of the hyperscalers' debt the change in it covers",
    needs=("facts",),
)
def hyperscalers_with_debt(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    return tape.held(np.isfinite(debt_change(tape)[:, named(tape, tickers)]).sum(axis=1).astype(np.float64))


@signal(
    unit="ratio",
    fragile="high",
    definition="change in debt over four quarters / capital expenditure of the last fiscal year, of those of {tickers}"
    " for whom both are known",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_debt_share(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    at = named(tape, tickers)
    change, capex = debt_change(tape)[:, at], tape.weekly_item("capital_expenditure", "year")[:, at]
    both = np.isfinite(change) & (capex > 0)
    spent = np.where(both, capex, 0.0).sum(axis=1)
    return tape.held(np.where(both, change, 0.0).sum(axis=1) / np.where(spent > 0, spent, np.nan))


@signal(
    unit="share",
    fragile="high",
    definition="share of information technology, communication services and utilities in the sum of rises of debt over"
    " four quarters of all members outside financials and real estate",
    source=NOTE,
    needs=("facts", "members"),
)
def tech_utilities_borrowing(tape: Tape) -> Array:
    change = debt_change(tape)
    counted = tape.members[tape.week_starts] & ~tape.sector_is("Financials", "Real Estate")
    rises = np.where(counted & (change > 0), change, 0.0)
    total = rises.sum(axis=1)
    few = (rises > 0).sum(axis=1) < FEWEST_BORROWERS
    share = rises[:, tape.sector_is(*BORROWING_SECTORS)].sum(axis=1) / np.where(total > 0, total, np.nan)
    return tape.held(np.where(few, np.nan, share))
