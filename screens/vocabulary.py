"""The words a screen may use: metrics and their parameters, sectors, industries, tickers.

1. A metric must be registered; its parameters must be its own, of the right type and within bounds.
2. A parameter that is a file is made absolute, seen from the file that names it.
3. A sector or industry must be one of the Global Industry Classification Standard; `custom:` in front lets a name of
   your own table through unchecked.
4. A ticker must look like one; whether it exists is known only where data are open.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from screens.loading import Context, did_you_mean

if TYPE_CHECKING:
    from screens.regime.registry import Signal
    from screens.registry import Metric

ParamValue = str | int | float | bool | None
Params = dict[str, ParamValue]

CUSTOM = "custom:"
_TICKER = re.compile(r"\^?[A-Z0-9][A-Z0-9.=/-]{0,14}\Z")

GICS_SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)


def _metric(name: str) -> str:
    from screens.metrics import REGISTRY  # registers every metric; numpy is not needed before

    if name not in REGISTRY:
        hint = did_you_mean(name, REGISTRY) or "; 'hedgebasket metrics' lists them"
        raise ValueError(f"unknown metric '{name}'{hint}")
    return name


def _sector(name: str) -> str:
    if name.startswith(CUSTOM):
        return name.removeprefix(CUSTOM).strip()
    if name not in GICS_SECTORS:
        hint = did_you_mean(name, GICS_SECTORS) or f"; one of {', '.join(GICS_SECTORS)}"
        raise ValueError(f"unknown sector '{name}'{hint}")
    return name


def _industry(name: str) -> str:
    from screens.industries import GICS_SUB_INDUSTRIES

    if name.startswith(CUSTOM):
        return name.removeprefix(CUSTOM).strip()
    if name not in GICS_SUB_INDUSTRIES:
        hint = did_you_mean(name, GICS_SUB_INDUSTRIES) or f"; write '{CUSTOM}{name}' for a name of your own table"
        raise ValueError(f"unknown industry '{name}'{hint}")
    return name


def _ticker(name: str) -> str:
    if not _TICKER.match(name):
        hint = f" (did you mean '{name.strip().upper()}'?)" if _TICKER.match(name.strip().upper()) else ""
        raise ValueError(f"'{name}' does not look like a ticker{hint}")
    return name


MetricName = Annotated[str, AfterValidator(_metric)]
Sector = Annotated[str, Field(min_length=1), AfterValidator(_sector)]
Industry = Annotated[str, Field(min_length=1), AfterValidator(_industry)]
Ticker = Annotated[str, Field(min_length=1), AfterValidator(_ticker)]


def checked_params(metric: str | None, params: Params, info: ValidationInfo) -> Params:
    """The parameters, files among them made absolute. Raises `ValueError` with everything wrong with them."""
    from screens.metrics import REGISTRY

    if metric is None or metric not in REGISTRY:
        return params  # the metric itself is at fault, and its own error says so
    return checked_against(REGISTRY[metric], params, info)


def checked_against(entry: Metric | Signal, params: Params, info: ValidationInfo) -> Params:
    """The parameters of a metric or a regime signal, files among them made absolute. Raises `ValueError`."""
    problems = entry.param_problems(params)
    resolved = dict(params)
    for name in entry.paths:
        written = params.get(name)
        if isinstance(written, str):
            try:
                resolved[name] = _file(written, Context.of(info))
            except ValueError as error:
                problems.append(f"{name}: {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return resolved


def _file(written: str, context: Context | None) -> str:
    if context is not None and not Path(written).is_absolute():
        return str(context.resolve(written))
    if not Path(written).is_file():
        raise ValueError(f"file '{written}' not found")
    return str(Path(written).absolute())


def history_problem(metric: str | None) -> str | None:
    """Why a metric cannot be seen through time, or None: only statements are kept by quarter."""
    from screens.metrics import REGISTRY

    if metric is None or metric not in REGISTRY:
        return None
    tables = [need.removeprefix("table:") for need in REGISTRY[metric].needs if need.startswith("table:")]
    if not tables:
        return None
    return f"{metric} reads {', '.join(tables)}; history is for metrics of statements alone"
