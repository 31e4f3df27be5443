"""The words a screen may use: metrics and their parameters, sectors, industries, tickers.

1. A metric must be registered; its parameters must be its own, of the right type and within bounds.
2. A parameter that is a file is made absolute, seen from the file that names it.
3. A sector or industry must be one of the Global Industry Classification Standard; `custom:` in front lets a name of
   your own table through unchecked.
4. A tag close to a known one is a slip; any other is one of your own.
5. A ticker must look like one; whether it exists is known only where data are open.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import AfterValidator, Field, ValidationInfo

from market.spelling import exchange_spelling
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


# What others call these metrics, without marks between the words: spelling alone would suggest another one.
SYNONYMS: Mapping[str, str] = {
    "returnonassets": "roa",
    "returnonequity": "roe",
    "returnoninvestedcapital": "roic",
    "grossprofitability": "gross_profit_assets",
    "gpa": "gross_profit_assets",
    "ebitmargin": "operating_margin",
    "profitmargin": "net_margin",
    "freecashflowmargin": "fcf_margin",
    "debttoequity": "debt_equity",
    "debttoassets": "debt_assets",
    "leverage": "liabilities_assets",
    "netdebttoebitda": "net_debt_ebitda",
    "interestcover": "interest_coverage",
    "zscore": "altman_z",
    "altman": "altman_z",
    "oscore": "ohlson_o",
    "fscore": "piotroski_f",
    "mscore": "beneish_m",
    "distancetodefault": "naive_distance_to_default",
    "beta": "market_beta",
    "momentum": "momentum_12_1",
    "priceearnings": "earnings_yield",
    "pe": "earnings_yield",
    "pricetobook": "book_to_market",
    "pb": "book_to_market",
    "pricetosales": "sales_yield",
    "evebit": "ebit_enterprise_value",
    "shortinterest": "short_percent_of_float",
    "adv": "dollar_volume",
    "marketcapitalisation": "market_cap",
    "marketcapitalization": "market_cap",
    "qmj": "qmj_junk",
}


def _joined(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _metric(name: str) -> str:
    from screens.metrics import REGISTRY  # registers every metric; numpy is not needed before

    if name not in REGISTRY:
        named = next(iter(difflib.get_close_matches(_joined(name), list(SYNONYMS), n=1, cutoff=0.88)), None)
        hint = f" (did you mean '{SYNONYMS[named]}'?)" if named else did_you_mean(name, REGISTRY)
        hint = hint or "; 'hedgebasket metrics' lists them"
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
    return exchange_spelling(name)


def _tag(name: str) -> str:
    from screens.ai_basket import AiTag

    known = get_args(AiTag)
    if name.startswith(CUSTOM):
        return name.removeprefix(CUSTOM).strip()
    if name not in known and (hint := did_you_mean(name, known)):
        raise ValueError(f"unknown tag '{name}'{hint}; write '{CUSTOM}{name}' for a tag of your own")
    return name


LABELS: Mapping[str, Callable[[str], str]] = {"sector": _sector, "industry": _industry, "ticker": _ticker, "tag": _tag}

MetricName = Annotated[str, AfterValidator(_metric)]
Sector = Annotated[str, Field(min_length=1), AfterValidator(_sector)]
Industry = Annotated[str, Field(min_length=1), AfterValidator(_industry)]
Ticker = Annotated[str, Field(min_length=1), AfterValidator(_ticker)]
TagName = Annotated[str, Field(min_length=1), AfterValidator(_tag)]


def checked_words(field: str | None, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a label, each known to it. Raises `ValueError` with everything wrong with them."""
    if field is None or field not in LABELS:
        return words  # the field itself is at fault, and its own error says so
    problems, known = [], []
    for word in words:
        try:
            known.append(LABELS[field](word))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(known)


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
