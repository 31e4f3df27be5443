"""The registry of metrics: what can be screened on, in which unit, and which way is worse.

1. A metric is a pure function `f(view, **params) -> Values` of the market as known at one session's close.
2. `@metric(...)` records its family, unit, direction, formula, source and the items it needs; the parameters, their
   types and defaults are read from the function's keyword-only arguments.
3. `Values` carries the reported value and, where a denominator can turn negative, a tier and a key within the tier, so
   that a broken quotient ranks worst and never best (the tier rule).
4. `lookup(name)` finds a metric or raises a `ConfigError` that says "did you mean".

Only numpy is imported here: `validate` reads the registry without opening anything heavy.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from market.errors import ConfigError
from screens.per_view import per_view

if TYPE_CHECKING:
    from market.view import View

Direction = Literal["higher_is_worse", "lower_is_worse", "neutral"]
Family = Literal[
    "leverage",
    "distress",
    "profitability",
    "quality",
    "growth",
    "refinancing",
    "valuation",
    "momentum",
    "liquidity",
    "crowding",
    "ai_exposure",
]
ParamValue = str | int | float | bool | None

Comparison = Literal[">", ">=", "<", "<="]
_COMPARE: Mapping[str, Callable[[NDArray[np.float64], float], NDArray[np.bool_]]] = MappingProxyType(
    {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
)

NOT_FINANCIAL = ("Financials", "Real Estate")  # GICS sectors whose balance sheets these metrics misread (SIC 6000-6999)
NOT_REGULATED = (*NOT_FINANCIAL, "Utilities")  # also left out of the O-score and the Z-scores, as in Dichev (1998)

UNKNOWN, BEST, NORMAL, WORST = -1, 0, 1, 2  # tiers: the quotient itself is only meaningful in NORMAL


@dataclass(frozen=True)
class Values:
    """One metric for every name of a view; all arrays have shape (n_assets,), aligned with `view.tickers`.

    value: the figure in the metric's unit and natural sign; NaN where unknown or where the quotient has no meaning.
    tier: int8, `UNKNOWN` -1, `BEST` 0, `NORMAL` 1, `WORST` 2; None for a metric with a single tier (the value ranks).
    key: order within a tier, **larger is worse** whatever the metric's direction; None with `tier` None.
    reason: a short code ('neg_ebitda', 'net_cash', 'no_debt', ...) where the value is not an ordinary figure, else ''.

    A threshold such as `net_debt_ebitda > 4` holds for every name in `WORST` and for none in `BEST`.
    """

    value: NDArray[np.float64]
    tier: NDArray[np.int8] | None = None
    key: NDArray[np.float64] | None = None
    reason: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        if (self.tier is None) != (self.key is None):
            raise ValueError("tier and key come together")

    def known(self) -> NDArray[np.bool_]:
        """Where the metric ranks a name: a finite value, or a tier with a key."""
        if self.tier is None or self.key is None:
            return np.isfinite(self.value)
        return (self.tier >= BEST) & np.isfinite(self.key)

    def badness(self, direction: Direction) -> NDArray[np.float64]:
        """One number per name that orders from best to worst, ties kept, NaN where unknown.

        With tiers it is the position of (tier, key) in their joint order, so only its order has a meaning.
        """
        if self.tier is None or self.key is None:
            value = np.where(np.isfinite(self.value), self.value, np.nan)
            return -value if direction == "lower_is_worse" else value
        known = self.known()
        out = np.full(self.value.shape, np.nan)
        rows = np.flatnonzero(known)
        if rows.size:
            tier, key = self.tier[rows], self.key[rows]
            order = np.lexsort((key, tier))
            step = (np.diff(tier[order]) != 0) | (np.diff(key[order]) != 0)
            out[rows[order]] = np.concatenate(([0], np.cumsum(step))).astype(float)
        return out

    def without(self, mask: NDArray[np.bool_], reason: str = "sector") -> Values:
        """The same values, unknown with `reason` where `mask` holds."""
        if not mask.any():
            return self
        codes = np.full(self.value.shape, "", dtype=object) if self.reason is None else self.reason.copy()
        codes[mask] = reason
        value = np.where(mask, np.nan, self.value)
        if self.tier is None or self.key is None:
            return Values(value, reason=codes)
        return Values(
            value, np.where(mask, UNKNOWN, self.tier).astype(np.int8), np.where(mask, np.nan, self.key), codes
        )

    def compare(self, op: Comparison, threshold: float, direction: Direction) -> NDArray[np.bool_]:
        """Where `value op threshold`, read with the tiers: `WORST` lies beyond every threshold, `BEST` short of all.

        False where unknown; ask `known()` to tell the two apart.
        """
        plain = _COMPARE[op](self.value, threshold)
        if self.tier is None:
            return plain
        upwards = op in (">", ">=")
        beyond = upwards == (direction == "higher_is_worse")  # the comparison asks for the bad side
        return np.where(self.tier == NORMAL, plain, self.tier == (WORST if beyond else BEST))


@dataclass(frozen=True)
class Param:
    """One parameter of a metric: its type, its default, and what is allowed."""

    name: str
    type: type
    default: ParamValue
    optional: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def problem(self, value: ParamValue) -> str | None:
        """Why `value` cannot be this parameter, or None."""
        if value is None:
            return None if self.optional else f"{self.name} cannot be empty; expected {self.type.__name__}"
        expected = (int, float) if self.type is float else (self.type,)
        if not isinstance(value, expected) or (isinstance(value, bool) and self.type is not bool):
            return f"{self.name} is {value!r}; expected {self.type.__name__}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {value!r}; expected one of {', '.join(self.choices)}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and value < self.low:
                return f"{self.name} is {value}; at least {self.low:g}"
            if self.high is not None and value > self.high:
                return f"{self.name} is {value}; at most {self.high:g}"
        return None


@dataclass(frozen=True)
class Metric:
    """A registered metric. `needs` lists items of statements, and tables as `table:borrow`.

    `excludes` names GICS sectors where the metric has no meaning: unknown there, with the reason 'sector', unless the
    parameter `all_sectors` is true. Parameters in `paths` are files, relative to the file that refers to them.
    """

    name: str
    family: Family
    unit: str
    direction: Direction
    formula: str
    source: str
    needs: tuple[str, ...]
    params: Mapping[str, Param]
    function: Callable[..., Values]
    excludes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def param_problems(self, params: Mapping[str, ParamValue]) -> list[str]:
        """Everything wrong with `params`, in order; empty when they can be used."""
        problems = []
        for name, value in params.items():
            if name not in self.params:
                known = ", ".join(self.params) or "none"
                problems.append(f"{self.name} has no parameter {name!r}{_hint(name, self.params)}; it takes: {known}")
            elif (problem := self.params[name].problem(value)) is not None:
                problems.append(f"{self.name}: {problem}")
        return problems

    def __call__(self, view: View, **params: ParamValue) -> Values:
        """The metric for every name of `view`. Raises `ConfigError` for a parameter it does not take."""
        if params and (problems := self.param_problems(params)):
            raise ConfigError("; ".join(problems))
        arguments = dict(params)
        all_sectors = bool(arguments.pop(ALL_SECTORS, False))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            values = self.function(view, **arguments)
        return values if all_sectors or not self.excludes else values.without(_in_sectors(view, self.excludes))


class Registry(Mapping[str, Metric]):
    """All registered metrics by name, in order of registration."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._metrics)

    def __len__(self) -> int:
        return len(self._metrics)

    def add(self, entry: Metric) -> None:
        """Register; a second metric of the same name from another module is an error of the programmer."""
        present = self._metrics.get(entry.name)
        if present is not None and present.function.__module__ != entry.function.__module__:
            raise ValueError(f"two metrics named {entry.name}")
        self._metrics[entry.name] = entry


REGISTRY = Registry()
ALL_SECTORS = "all_sectors"

_ANNOTATIONS: Mapping[str, tuple[type, bool]] = MappingProxyType(
    {f"{kind.__name__}{suffix}": (kind, bool(suffix)) for kind in (str, int, float, bool) for suffix in ("", " | None")}
)


def metric(
    *,
    family: Family,
    unit: str,
    direction: Direction,
    formula: str,
    source: str,
    needs: tuple[str, ...],
    name: str | None = None,
    excludes: tuple[str, ...] = (),
    paths: tuple[str, ...] = (),
    bounds: Mapping[str, tuple[float | None, float | None]] = MappingProxyType({}),
    choices: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Callable[[Callable[..., Values]], Callable[..., Values]]:
    """Register a function as a metric under its own name.

    Its first argument is the view; keyword-only arguments (str, int, float or bool, with a default) are its parameters.
    `bounds` and `choices` restrict them by name.
    """
    if direction not in get_args(Direction) or family not in get_args(Family):
        raise ValueError(f"unknown direction or family: {direction}, {family}")

    def register(function: Callable[..., Values]) -> Callable[..., Values]:
        params = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                continue
            kind, optional = _ANNOTATIONS[str(parameter.annotation)]
            low, high = bounds.get(parameter.name, (None, None))
            allowed = choices.get(parameter.name, ())
            params[parameter.name] = Param(parameter.name, kind, parameter.default, optional, low, high, allowed)
        if excludes:
            params[ALL_SECTORS] = Param(ALL_SECTORS, bool, False)
        REGISTRY.add(
            Metric(
                name=name or function.__name__,
                family=family,
                unit=unit,
                direction=direction,
                formula=formula,
                source=source,
                needs=needs,
                params=MappingProxyType(params),
                function=function,
                excludes=excludes,
                paths=paths,
            )
        )
        return function

    return register


def lookup(name: str) -> Metric:
    """The metric called `name`; raises `ConfigError` with the nearest names where there is none."""
    if name not in REGISTRY:
        raise ConfigError(f"unknown metric {name!r}{_hint(name, REGISTRY)}")
    return REGISTRY[name]


def suggestions(name: str) -> list[str]:
    """Up to three registered names close to `name`, best first."""
    return difflib.get_close_matches(name, list(REGISTRY), n=3, cutoff=0.5)


@per_view
def _in_sectors(view: View, sectors: tuple[str, ...]) -> NDArray[np.bool_]:
    sector = view.sector()
    return np.logical_or.reduce([sector == name for name in sectors])


def _hint(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
