"""Remember what was computed from a view, or from a market, for as long as it lives.

1. Sixty metrics read the same few dozen arrays of one view; each is computed once.
2. Results are kept in a weak map by view, so they go when the view goes; nothing outlives its session.
3. What is the same for all sessions (the logarithm of a return) is kept by market.
4. Arrays come back as they were stored and must not be written to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from market import Market
    from market.view import View

P = ParamSpec("P")
T = TypeVar("T")

_KEPT: WeakKeyDictionary[View, dict[tuple[object, ...], object]] = WeakKeyDictionary()
_BY_MARKET: WeakKeyDictionary[Market, dict[object, object]] = WeakKeyDictionary()


def per_view(function: Callable[Concatenate[View, P], T]) -> Callable[Concatenate[View, P], T]:
    """Keep a function's result for each view and set of arguments (all hashable)."""

    def remembered(view: View, *args: P.args, **kwargs: P.kwargs) -> T:
        kept = _KEPT.setdefault(view, {})
        key = (function, args, tuple(sorted(kwargs.items())))
        if key not in kept:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                kept[key] = function(view, *args, **kwargs)
        return cast(T, kept[key])

    remembered.__name__, remembered.__doc__ = function.__name__, function.__doc__
    remembered.__module__ = function.__module__
    return remembered


def per_market(function: Callable[[Market], T]) -> Callable[[Market], T]:
    """Keep a function's result for each market. Row t of what it makes must come from row t of the market alone."""

    def remembered(market: Market) -> T:
        kept = _BY_MARKET.setdefault(market, {})
        if function not in kept:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                kept[function] = function(market)
        return cast(T, kept[function])

    remembered.__name__, remembered.__doc__ = function.__name__, function.__doc__
    return remembered
