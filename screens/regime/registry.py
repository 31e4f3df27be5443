"""The registry of regime signals: market-level figures through time, each with its exact definition.

1. A signal is a function `f(tape, **params)` that gives one figure a session, shape (n_sessions,), NaN where unknown.
2. The figure of a session reads nothing after that session's close; a test recomputes it on data cut there.
3. `@signal(...)` records unit, definition, source and which side is fragile: high, low, or neither.
4. The definition is a template: `{window}` and the like are filled with the parameters in force, so that what is
   printed is what was computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from screens.registry import Param, ParamValue, params_of, problems_with

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from screens.regime.tape import Tape

Side = Literal["high", "low", "neither"]


@dataclass(frozen=True)
class Signal:
    """A registered signal; `fragile` is the side on which the tape is fragile."""

    name: str
    unit: str
    fragile: Side
    definition: str
    source: str
    needs: tuple[str, ...]
    params: Mapping[str, Param]
    function: Callable[..., NDArray[np.float64]]
    paths: tuple[str, ...] = ()

    def __call__(self, tape: Tape, **params: ParamValue) -> NDArray[np.float64]:
        """The signal through time, shape (n_sessions,)."""
        return self.function(tape, **params)

    def param_problems(self, params: Mapping[str, ParamValue]) -> list[str]:
        """Everything wrong with `params`, in order; empty when they can be used."""
        return problems_with(self.name, self.params, params)

    def defined(self, params: Mapping[str, ParamValue]) -> str:
        """The definition with the parameters in force."""
        return self.definition.format(**({name: p.default for name, p in self.params.items()} | dict(params)))


SIGNALS: dict[str, Signal] = {}

_NOTHING: Mapping[str, tuple[float | None, float | None]] = MappingProxyType({})
_ANY: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def signal(
    *,
    unit: str,
    fragile: Side,
    definition: str,
    source: str,
    needs: tuple[str, ...],
    bounds: Mapping[str, tuple[float | None, float | None]] = _NOTHING,
    choices: Mapping[str, tuple[str, ...]] = _ANY,
    paths: tuple[str, ...] = (),
) -> Callable[[Callable[..., NDArray[np.float64]]], Callable[..., NDArray[np.float64]]]:
    """Register a function as a signal under its own name; keyword-only arguments are its parameters."""

    def register(function: Callable[..., NDArray[np.float64]]) -> Callable[..., NDArray[np.float64]]:
        name = function.__name__
        params = params_of(function, bounds, choices)
        entry = Signal(name, unit, fragile, definition, source, needs, MappingProxyType(params), function, paths)
        present = SIGNALS.get(name)
        if present is not None and present.function.__module__ != function.__module__:
            raise ValueError(f"two signals named {name}")
        SIGNALS[name] = entry
        return function

    return register
