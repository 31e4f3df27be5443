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

from screens.metrics import derived
from screens.regime.registry import signal
from screens.regime.rolling import Array, Mask

if TYPE_CHECKING:
    from market import View
    from screens.regime.tape import Tape

HYPERSCALERS = "AMZN,GOOGL,META,MSFT,ORCL"
BORROWING_SECTORS = ("Information Technology", "Communication Services", "Utilities")
NOTE = "market note of November 2025"
FEWEST_BORROWERS = 20


def columns(tickers: np.ndarray, names: str) -> np.ndarray:
    """Positions of comma-separated tickers among those of a view; unknown ones are left out."""
    return np.flatnonzero(np.isin(tickers, [name.strip() for name in names.split(",")]))


def fiscal_capex(view: View, names: str, lag: int = 0) -> float:
    """Capital expenditure of the last fiscal years known (`lag` years back), USD; NaN unless every company has one."""
    capex = view.item("capital_expenditure", "year", lag)[columns(view.tickers.to_numpy(), names)]
    return float(capex.sum()) if capex.size else np.nan


def calendar_capex(view: View, names: str) -> tuple[float, float]:
    """Capital expenditure of the last calendar year whose four quarters all companies have, and of the year before."""
    at = columns(view.tickers.to_numpy(), names)
    totals: dict[int, np.ndarray] = {}
    for lag in range(12):
        ends = view.item_period_end("capital_expenditure", "quarter", lag)[at]
        values = view.item("capital_expenditure", "quarter", lag)[at]
        for place, (end, value) in enumerate(zip(ends, values, strict=True)):
            if np.isfinite(value) and not np.isnat(end):
                year = int(end.astype("datetime64[Y]").astype(int)) + 1970
                totals.setdefault(year, np.zeros((2, len(at))))[:, place] += value, 1
    whole = {year: part[0].sum() for year, part in totals.items() if len(at) and (part[1] == 4).all()}
    last = max(whole, default=None)
    if last is None:
        return np.nan, np.nan
    return float(whole[last]), float(whole.get(last - 1, np.nan))


@signal(
    unit="USD",
    fragile="neither",
    definition="capital expenditure of {tickers} in the last fiscal years known",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    return tape.weekly(f"capex {tickers}", lambda view, members: fiscal_capex(view, tickers))


@signal(
    unit="growth rate",
    fragile="high",
    definition="capital expenditure of {tickers} in the last fiscal years known, over the years before, - 1",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex_growth(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    before = tape.weekly(f"capex before {tickers}", lambda view, members: fiscal_capex(view, tickers, 1))
    return hyperscaler_capex(tape, tickers=tickers) / np.where(before > 0, before, np.nan) - 1


@signal(
    unit="USD",
    fragile="neither",
    definition="capital expenditure of {tickers} in the last calendar year, by quarters",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex_calendar(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    """Unknown on a store whose cash flows are annual."""
    return tape.weekly(f"calendar {tickers}", lambda view, members: calendar_capex(view, tickers)[0])


@signal(
    unit="growth rate",
    fragile="high",
    definition="capital expenditure of {tickers} in the last calendar year over the one before, by quarters, - 1",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_capex_calendar_growth(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    def growth(view: View, members: Mask) -> float:
        last, before = calendar_capex(view, tickers)
        return last / before - 1 if before > 0 else np.nan

    return tape.weekly(f"calendar growth {tickers}", growth)


def debt_change(view: View) -> Array:
    """Debt less debt four quarters before, USD; shape (n_assets,)."""
    return derived.debt(view) - derived.debt(view, 4)


@signal(
    unit="USD",
    fragile="high",
    definition="change in debt over four quarters of those of {tickers} whose debt is known",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_debt_change(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    def change(view: View, members: Mask) -> float:
        values = debt_change(view)[columns(view.tickers.to_numpy(), tickers)]
        return float(np.nansum(values)) if np.isfinite(values).any() else np.nan

    return tape.weekly(f"debt change {tickers}", change)


@signal(
    unit="ratio",
    fragile="high",
    definition="change in debt over four quarters / capital expenditure of the last fiscal year, of those of {tickers}"
    " for whom both are known",
    source=NOTE,
    needs=("facts",),
)
def hyperscaler_debt_share(tape: Tape, *, tickers: str = HYPERSCALERS) -> Array:
    def share(view: View, members: Mask) -> float:
        at = columns(view.tickers.to_numpy(), tickers)
        change, capex = debt_change(view)[at], view.item("capital_expenditure", "year")[at]
        both = np.isfinite(change) & (capex > 0)
        return float(change[both].sum() / capex[both].sum()) if both.any() else np.nan

    return tape.weekly(f"debt share {tickers}", share)


@signal(
    unit="share",
    fragile="high",
    definition="share of information technology, communication services and utilities in the sum of rises of debt over"
    " four quarters of all members outside financials and real estate",
    source=NOTE,
    needs=("facts", "members"),
)
def tech_utilities_borrowing(tape: Tape) -> Array:
    def share(view: View, members: Mask) -> float:
        sector = view.sector()
        counted = members & ~np.isin(sector, ("Financials", "Real Estate"))
        change = debt_change(view)
        rises = np.where(counted & (change > 0), change, 0.0)
        if (rises > 0).sum() < FEWEST_BORROWERS:
            return np.nan
        return float(rises[np.isin(sector, BORROWING_SECTORS)].sum() / rises.sum())

    return tape.weekly("tech and utilities borrowing", share)
