"""Every estimator by name: the function users call, and the bare ratio a walk-forward calls.

1. A row names a public function `f(long_returns, hedge_returns, **params) -> HedgeRatio` and a ratio function
   `g(book, hedge, **params) -> float` on plain arrays, without standard error.
2. `vectorised` ratio functions work along the last axis: all windows in one call.
3. `expanding` estimators filter: a walk-forward hands them all history before the session, not a window.
4. `estimate` checks names before it calls: an unknown estimator or parameter is a config error with a suggestion.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from basket.hedge import (
    downside,
    garch,
    kalman,
    lagged,
    least_squares,
    matched,
    orthogonal,
    robust,
    several,
    shrinkage,
    tail,
    utility,
)
from basket.hedge.history import Returns
from basket.hedge.result import HedgeRatio
from market.errors import ConfigError

Parameter = object
"""A number, a name, or a further series or table of returns; each estimator's signature says which."""


@dataclass(frozen=True)
class Estimator:
    """One row of the registry."""

    name: str
    function: Callable[..., HedgeRatio]
    ratio: Callable[..., object]
    vectorised: bool = False
    expanding: bool = False
    estimated: bool = True
    """False where the ratio does not depend on the returns."""
    series: tuple[str, ...] = ()
    """Keywords that are further returns by session, cut by a walk-forward like the two everyone needs."""
    least: Callable[[Mapping[str, Parameter]], int] | int = 3
    """Fewest sessions it is fitted on in a walk-forward, or that number as a function of its parameters."""

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The keywords it takes, by name."""
        every = inspect.signature(self.function).parameters
        return {name: one for name, one in every.items() if one.kind is inspect.Parameter.KEYWORD_ONLY}

    @property
    def required(self) -> tuple[str, ...]:
        """Keywords without a default."""
        return tuple(name for name, one in self.parameters.items() if one.default is inspect.Parameter.empty)

    def least_sessions(self, params: Mapping[str, Parameter]) -> int:
        """Fewest sessions for these parameters."""
        return self.least(params) if callable(self.least) else self.least

    def check(self, params: Mapping[str, Parameter]) -> None:
        """Raise `ConfigError` for parameters it does not know or does not get."""
        known = self.parameters
        for name in params:
            if name not in known:
                raise ConfigError(f"{self.name}: unknown parameter {name!r}{_suggestion(name, known)}")
        missing = [name for name in self.required if params.get(name) is None]
        if missing:
            raise ConfigError(f"{self.name} needs {' and '.join(missing)}, given as keywords; there is no default")


def _rolling_least(params: Mapping[str, Parameter]) -> int:
    return int(str(params.get("window", least_squares.ROLLING_SESSIONS)))


def _quantile_least(params: Mapping[str, Parameter]) -> int:
    return robust.quantile_least_sessions(float(str(params.get("tau", 0.05))))


def _dimson_least(params: Mapping[str, Parameter]) -> int:
    return lagged.LEAST_SESSIONS + int(str(params.get("lags", 1))) + int(str(params.get("leads", 0)))


_ROWS = (
    Estimator(
        "dollar_neutral", matched.dollar_neutral, matched.dollar_ratio, vectorised=True, estimated=False, least=1
    ),
    Estimator("beta_matched", matched.beta_matched, matched.beta_matched_ratio, vectorised=True, series=("market",)),
    Estimator("ols", least_squares.ols, least_squares.ols_ratio, vectorised=True),
    Estimator("rolling", least_squares.rolling, least_squares.rolling_ratio, vectorised=True, least=_rolling_least),
    Estimator("ewma", least_squares.ewma, least_squares.ewma_ratio, vectorised=True, least=2),
    Estimator("blume", shrinkage.blume, shrinkage.blume_ratio, vectorised=True),
    Estimator("vasicek", shrinkage.vasicek, shrinkage.vasicek_ratio, vectorised=True, series=("peers",)),
    Estimator("scholes_williams", lagged.scholes_williams, lagged.scholes_williams_ratio, vectorised=True, least=10),
    Estimator("dimson", lagged.dimson, lagged.dimson_ratio, least=_dimson_least),
    Estimator("tls", orthogonal.tls, orthogonal.tls_ratio, vectorised=True),
    Estimator("huber", robust.huber, robust.huber_ratio, least=5),
    Estimator("quantile", robust.quantile, robust.quantile_ratio, least=_quantile_least),
    Estimator("downside_beta", downside.downside_beta, downside.downside_beta_ratio, least=30),
    Estimator("lower_partial_moment", downside.lower_partial_moment, downside.lower_partial_moment_ratio),
    Estimator("min_semivariance", downside.min_semivariance, downside.min_semivariance_ratio),
    Estimator("min_cvar", tail.min_cvar, tail.min_cvar_ratio),
    Estimator("min_drawdown", tail.min_drawdown, tail.min_drawdown_ratio),
    Estimator("mean_variance", utility.mean_variance, utility.mean_variance_ratio, vectorised=True, series=("carry",)),
    Estimator("kalman", kalman.kalman, kalman.kalman_ratio, expanding=True, least=kalman.LEAST_SESSIONS),
    Estimator("ccc_garch", garch.ccc_garch, garch.ccc_garch_ratio, expanding=True, least=garch.LEAST_SESSIONS),
    Estimator("dcc_garch", garch.dcc_garch, garch.dcc_garch_ratio, expanding=True, least=garch.LEAST_SESSIONS),
    Estimator("volatility_parity", matched.volatility_parity, matched.volatility_parity_ratio, vectorised=True),
    Estimator("factor_neutral", several.factor_neutral, several.factor_neutral_ratio, series=("factors",), least=20),
    Estimator(
        "multi_instrument", several.multi_instrument, several.multi_instrument_ratio, series=("instruments",), least=20
    ),
)

REGISTRY: dict[str, Estimator] = {row.name: row for row in _ROWS}
ESTIMATORS: dict[str, Callable[..., HedgeRatio]] = {row.name: row.function for row in REGISTRY.values()}


def estimator(kind: str) -> Estimator:
    """The registry's row for a name; `ConfigError` with a suggestion for an unknown one."""
    if kind not in REGISTRY:
        raise ConfigError(f"unknown hedge-ratio estimator {kind!r}{_suggestion(kind, REGISTRY)}")
    return REGISTRY[kind]


def estimate(kind: str, long_returns: Returns, hedge_returns: Returns, **params: Parameter) -> HedgeRatio:
    """One hedge ratio from all the history given.

    kind           a name of `ESTIMATORS`
    long_returns   simple returns of the book per session, shape (n_sessions,)
    hedge_returns  simple total returns of the hedge, the same sessions
    params         the estimator's own keywords; further series (`market`, `factors`, `instruments`) go here too

    Raises `ConfigError` for an unknown name or parameter, `DataError` where the data cannot carry the estimator.
    """
    row = estimator(kind)
    row.check(params)
    return row.function(long_returns, hedge_returns, **params)


def _suggestion(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known) or 'none'}"
