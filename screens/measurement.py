"""The figures a screen needs on one date, each computed once, now or through time.

1. A metric is computed from the view, with its parameters.
2. With a history it is computed again from the same view with every statement item some quarters older: what was known
   on the date about the quarter then, restatements included.
3. `lag` is the older figure itself; `change`, `mean`, `stdev` and `trend` combine figures; a quarter with a broken
   denominator has no figure.
4. What has been computed is kept, so a metric that stands in two blocks and a rule costs one evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from screens.metrics import REGISTRY
from screens.registry import Direction, Values
from screens.rule_spec import History, MetricCall, MetricKey
from screens.scoring import Floats

if TYPE_CHECKING:
    from market.view import Basis, View

QUARTERS_PER_YEAR = 4


class LaggedView:
    """A view whose statements are `quarters` older; all else is as on the date."""

    def __init__(self, view: View, quarters: int) -> None:
        self._view = view
        self._quarters = quarters

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)

    def item(self, name: str, basis: Basis | None = None, lag: int = 0) -> Floats:
        """As `View.item`, older; fiscal years are known a whole number of years back only."""
        older = self._older(basis, lag)
        return np.full(len(self._view.tickers), np.nan) if older is None else self._view.item(name, basis, older)

    def item_period_end(self, name: str, basis: Basis | None = None, lag: int = 0) -> NDArray[np.datetime64]:
        """As `View.item_period_end`, older."""
        older = self._older(basis, lag)
        if older is None:
            return np.full(len(self._view.tickers), np.datetime64("NaT", "ns"))
        return self._view.item_period_end(name, basis, older)

    def _older(self, basis: Basis | None, lag: int) -> int | None:
        if basis != "year":
            return lag + self._quarters
        years, rest = divmod(self._quarters, QUARTERS_PER_YEAR)
        return None if rest else lag + years


class Measurements:
    """The metrics of one view, computed when asked for."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._kept: dict[MetricKey, Values] = {}
        self._older: dict[int, LaggedView] = {}

    def values(self, call: MetricCall) -> Values:
        """The figures of one call for every name of the view."""
        key = call.key()
        if key not in self._kept:
            if call.history is None:
                self._kept[key] = REGISTRY[call.metric](self.view, **call.params)
            else:
                self._kept[key] = self._through_time(call, call.history)
        return self._kept[key]

    def _at(self, call: MetricCall, quarters: int) -> Values:
        plain: MetricKey = (
            call.metric,
            tuple(sorted(call.params.items())),
            History(lag=quarters) if quarters else None,
        )
        if plain not in self._kept:
            if quarters and quarters not in self._older:
                self._older[quarters] = LaggedView(self.view, quarters)
            view = self._older[quarters] if quarters else self.view
            self._kept[plain] = REGISTRY[call.metric](view, **call.params)  # type: ignore[arg-type]
        return self._kept[plain]

    def _through_time(self, call: MetricCall, history: History) -> Values:
        quarters = history.quarters()
        if len(quarters) == 1:
            return self._at(call, quarters[0])
        figures = np.array([self._at(call, quarter).value for quarter in quarters])  # newest first
        if history.change is not None:
            return Values(figures[0] - figures[1])
        if history.trend is not None:
            return Values(slope_per_quarter(figures))
        return Values(mean_known(figures) if history.mean is not None else spread_known(figures))


def direction_of(call: MetricCall, worse: str | None = None) -> Direction:
    """Which way is worse for a call; `worse` ('higher', 'lower') overrides what is registered."""
    if worse is not None:
        return "higher_is_worse" if worse == "higher" else "lower_is_worse"
    if call.history is not None and call.history.stdev is not None:
        return "higher_is_worse"
    return REGISTRY[call.metric].direction


def mean_known(figures: Floats) -> Floats:
    """Mean over the first axis, NaN where fewer than half are known.

    >>> mean_known(np.array([[1.0, 1.0], [np.nan, np.nan], [3.0, np.nan]])).tolist()
    [2.0, nan]
    """
    count = (~np.isnan(figures)).sum(axis=0)
    total = np.nansum(figures, axis=0)
    return np.where(2 * count >= len(figures), total / np.maximum(count, 1), np.nan)


def spread_known(figures: Floats) -> Floats:
    """Standard deviation (ddof 1) over the first axis, NaN where fewer than half, or fewer than three, are known."""
    known = ~np.isnan(figures)
    count = known.sum(axis=0)
    centred = np.where(known, figures - np.nansum(figures, axis=0) / np.maximum(count, 1), 0.0)
    enough = (2 * count >= len(figures)) & (count >= 3)
    return np.where(enough, np.sqrt((centred**2).sum(axis=0) / np.maximum(count - 1, 1)), np.nan)


def slope_per_quarter(figures: Floats) -> Floats:
    """Least-squares slope over the first axis (newest first), per step forward in time; half must be known.

    >>> slope_per_quarter(np.array([[6.0], [4.0], [2.0]])).tolist()
    [2.0]
    """
    known = ~np.isnan(figures)
    count = known.sum(axis=0)
    time = -np.arange(len(figures), dtype=float)[:, None]
    middle = np.where(known, time, 0.0).sum(axis=0) / np.maximum(count, 1)
    offset = np.where(known, time - middle, 0.0)
    squares = (offset**2).sum(axis=0)
    enough = (2 * count >= len(figures)) & (count >= 3)
    slope = (offset * np.where(known, figures, 0.0)).sum(axis=0) / np.where(squares > 0, squares, 1.0)
    return np.where(enough & (squares > 0), slope, np.nan)


def missing_items(calls: Iterable[MetricCall], items: Iterable[str]) -> dict[str, list[str]]:
    """For each metric, the statement items it needs that the store does not hold at all."""
    held = set(items)
    found = {}
    for call in calls:
        absent = [need for need in REGISTRY[call.metric].needs if ":" not in need and need not in held]
        if absent:
            found[call.metric] = absent
    return found
