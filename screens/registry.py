"""The registry of metrics: what can be screened on, in which unit, and which way is worse.

1. A metric is a pure function `f(view, **params) -> Values` of the market as known at one session's close.
2. `@metric(...)` records its family, unit, direction, formula, source and the items it needs; the parameters, their
   types and defaults are read from the function's keyword-only arguments.
3. `Values` (screens.values) carries the reported value and, where a denominator can turn negative, a tier and a key.
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
from screens.values import BEST, NORMAL, UNKNOWN, WORST, Comparison, Direction, Values

if TYPE_CHECKING:
    from market.view import View

__all__ = [
    "BEST",
    "NORMAL",
    "NOT_FINANCIAL",
    "NOT_REGULATED",
    "REGISTRY",
    "UNKNOWN",
    "WORST",
    "Comparison",
    "Direction",
    "Family",
    "Metric",
    "Param",
    "ParamValue",
    "Registry",
    "Values",
    "lookup",
    "metric",
    "params_of",
    "problems_with",
    "suggestions",
]

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

NOT_FINANCIAL = ("Financials", "Real Estate")  # GICS sectors whose balance sheets these metrics misread (SIC 6000-6999)
NOT_REGULATED = (*NOT_FINANCIAL, "Utilities")  # also left out of the O-score and the Z-scores, as in Dichev (1998)


_IN_WORDS: Mapping[type, str] = MappingProxyType(
    {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
)


def _yaml(value: ParamValue) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


@dataclass(frozen=True)
class Param:
    """One parameter of a metric: its type, its default, and what is allowed."""

    name: str
    type: type
    default: ParamValue
    optional: bool = False
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def problem(self, value: ParamValue) -> str | None:
        """Why `value` cannot be this parameter, or None."""
        if value is None:
            return None if self.optional else f"{self.name} cannot be empty; expected {_IN_WORDS[self.type]}"
        expected = (int, float) if self.type is float else (self.type,)
        if not isinstance(value, expected) or (isinstance(value, bool) and self.type is not bool):
            return f"{self.name} is {_yaml(value)}; expected {_IN_WORDS[self.type]}"
        if self.choices and value not in self.choices:
            return f"{self.name} is {_yaml(value)}; expected one of {', '.join(self.choices)}"
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
        return problems_with(self.name, self.params, params)

    def __call__(self, view: View, **params: ParamValue) -> Values:
        """The metric for every name of `view`. Raises `ConfigError` for a parameter it does not take."""
        if problems := self.param_problems(params):
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


def params_of(
    function: Callable[..., object],
    bounds: Mapping[str, tuple[float | None, float | None]] = MappingProxyType({}),
    choices: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> dict[str, Param]:
    """The parameters of a metric or signal: its keyword-only arguments, by their annotations and defaults."""
    params = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kind, optional = _ANNOTATIONS[str(parameter.annotation)]
            low, high = bounds.get(parameter.name, (None, None))
            allowed = choices.get(parameter.name, ())
            required = parameter.default is inspect.Parameter.empty
            default = None if required else parameter.default
            params[parameter.name] = Param(parameter.name, kind, default, optional, required, low, high, allowed)
    return params


def problems_with(owner: str, params: Mapping[str, Param], given: Mapping[str, ParamValue]) -> list[str]:
    """Everything wrong with the parameters given to `owner`, in order; empty when they can be used."""
    problems = [
        f"{owner} needs the parameter {name!r}"
        for name, param in params.items()
        if param.required and name not in given
    ]
    for name, value in given.items():
        if name not in params:
            known = ", ".join(params) or "none"
            problems.append(f"{owner} has no parameter {name!r}{_hint(name, params)}; it takes: {known}")
        elif (problem := params[name].problem(value)) is not None:
            problems.append(f"{owner}: {problem}")
    return problems


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
        params = params_of(function, bounds, choices)
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
