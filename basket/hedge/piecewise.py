"""Exact minimum of a convex function of one number that is a maximum of straight lines.

The linear programmes of CVaR and drawdown have one free ratio; everything else in them is determined by it. Their value
is therefore convex and piecewise linear in the ratio, and the programme is solved exactly in one dimension:

1. Find a point with falling slope and one with rising slope.
2. Evaluate where their two supporting lines cross; the new line replaces one of the two. Stop on the lines' own value.
3. Each step removes a line that cannot be the answer, so the search ends after finitely many.
4. Where the bottom is flat, walk to both of its ends by the same lines, and return the middle.
"""

from __future__ import annotations

from collections.abc import Callable

from basket.hedge.result import DegenerateHedgeError

Line = tuple[float, float]
"""Value and one slope at a point."""

TOLERANCE = 1e-12
MOST_STEPS = 500
MOST_DOUBLINGS = 60


def minimise(function: Callable[[float], Line], start: float, scale: float = 1.0) -> tuple[float, float, float]:
    """Left and right end of the set of minimisers, and the minimum.

    function  value and one subgradient at a point
    start     where the search begins; scale is its first step

    Raises `DegenerateHedgeError` where the function has no minimum, or a flat bottom without end.
    """
    left, right = _bracket(function, start, scale, -1.0), _bracket(function, start, scale, 1.0)
    (a, value_a, slope_a), (b, value_b, slope_b) = left, right
    lowest = min(value_a, value_b)
    small = TOLERANCE * (abs(value_a) + abs(value_b))
    for _ in range(MOST_STEPS):
        if b <= a or slope_a == 0.0 or slope_b == 0.0:
            break
        point = (value_b - value_a + slope_a * a - slope_b * b) / (slope_a - slope_b)
        bound = value_a + slope_a * (point - a)
        value, slope = function(point)
        lowest = min(lowest, value)
        if value - bound <= small:
            break
        if slope < 0.0:
            a, value_a, slope_a = point, value, slope
        elif slope > 0.0:
            b, value_b, slope_b = point, value, slope
        else:
            break
    return _end(function, left, lowest, small), _end(function, right, lowest, small), lowest


def _bracket(
    function: Callable[[float], Line], start: float, scale: float, direction: float
) -> tuple[float, float, float]:
    """A point from which the function falls towards `start`'s other side: slope of the sign of `direction`."""
    step = scale
    point = start
    for _ in range(MOST_DOUBLINGS):
        value, slope = function(point)
        if slope * direction > 0.0:
            return point, value, slope
        point, step = point + direction * step, 2.0 * step
    raise DegenerateHedgeError("more hedge always looks better on these returns: no ratio is best")


def _end(function: Callable[[float], Line], outside: tuple[float, float, float], lowest: float, small: float) -> float:
    """End of the flat bottom on the side of `outside`: Newton along the outermost lines, from outside in."""
    point, value, slope = outside
    side = 1.0 if slope > 0.0 else -1.0
    for _ in range(MOST_STEPS):
        if value - lowest <= small or slope * side <= 0.0:
            return point
        point -= (value - lowest) / slope
        value, slope = function(point)
    return point
