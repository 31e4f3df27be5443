"""Share counts on one split basis: dilution, and equity financing without counting shares.

1. Shares outstanding now and four quarters ago, else diluted shares of the last two fiscal years.
2. Each count stands on the split basis of some filing, not always that of its own day (counts are restated by later
   filings). Of the possible bases the one that leaves the smallest change is taken: none, the splits between the two
   period ends, those up to the session, those since the later period end.
3. A change that is still beyond a doubling or halving is a matter of basis or of a merger: unknown, 'share_basis'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain
from screens.per_view import per_view
from screens.registry import Values, metric

if TYPE_CHECKING:
    from market.view import Basis, View

LARGEST_CHANGE = float(np.log(2.0))


@per_view
def share_growth(view: View) -> Floats:
    """Log change of the share count over a year, on one split basis; shape (n_assets,)."""
    by_cover = _growth(view, "shares_outstanding", "latest", 4)
    by_year = _growth(view, "shares_diluted", "year", 1)
    return np.where(np.isnan(by_cover), by_year, by_cover)


def _growth(view: View, item: str, basis: Basis, lag: int) -> Floats:
    now, before = view.item(item, basis, 0), view.item(item, basis, lag)
    raw = np.log(np.where((now > 0) & (before > 0), now / before, np.nan))
    if np.isnan(raw).all():
        return raw
    end, start = (splits_since(view, view.item_period_end(item, basis, back)) for back in (0, lag))
    bases = np.log(np.vstack([np.ones_like(end), start / end, start, 1 / end]))
    changes = raw - np.where(np.isfinite(bases), bases, 0.0)
    best = np.argmin(np.abs(np.where(np.isnan(changes), np.inf, changes)), axis=0)
    return changes[best, np.arange(changes.shape[1])]


def splits_since(view: View, days: np.ndarray) -> Floats:
    """What one share held at the end of each name's day has become by the session's close, by splits."""
    panel = view.market.panel()
    row = panel.row(view.session)
    factor = panel.split_factor()[: row + 1]  # nothing after the session is read
    missing = np.isnat(days)
    at = panel.sessions[: row + 1].searchsorted(np.where(missing, view.session.to_datetime64(), days), side="right") - 1
    return factor[row] / factor[np.maximum(at, 0), np.arange(factor.shape[1])]


@metric(
    family="quality",
    unit="log change",
    direction="higher_is_worse",
    formula="ln(shares now) - ln(shares a year ago), on one split basis",
    source="Pontiff and Woodgate (2008), J. Finance 63(2)",
    needs=("shares_outstanding", "shares_diluted", "table:prices"),
)
def dilution(view: View) -> Values:
    growth = share_growth(view)
    odd = np.abs(growth) > LARGEST_CHANGE
    return plain(np.where(odd, np.nan, growth), [(odd, "share_basis")])


@metric(
    family="quality",
    unit="ratio",
    direction="higher_is_worse",
    formula="(share issuance - repurchases - dividends) / average assets; |x| > 1 unknown; missing parts are 0",
    source="Bradshaw, Richardson and Sloan (2006), J. Accounting and Economics 42",
    needs=("share_issuance", "share_repurchases", "dividends_paid", "assets"),
)
def net_equity_financing(view: View) -> Values:
    parts = [derived.ttm(view, item) for item in ("share_issuance", "share_repurchases", "dividends_paid")]
    issued, bought, paid = (derived.or_zero(part) for part in parts)
    unknown = np.logical_and.reduce([np.isnan(part) for part in parts])
    value = (issued - bought - paid) / derived.average_assets(view)
    odd = np.abs(value) > 1
    return plain(np.where(odd | unknown, np.nan, value), [(odd, "beyond_one")])
