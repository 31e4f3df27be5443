"""Finished runs side by side: their figures in columns, and what their configs do not share.

1. Each run is read from its directory: `summary.json` and `manifest.json`; nothing is computed again.
2. Columns carry the run's name, with the directory added where two runs have the same one.
3. A difference in config is a dotted path whose value is not the same in all runs; so is a difference in data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backtest.artifacts import MANIFEST, read_summary
from market.errors import ConfigError

# (JSON pointer, label, unit)
ROWS: tuple[tuple[str, str, str], ...] = (
    ("/sleeves/book/cagr", "book: return a year", "percent"),
    ("/sleeves/basket/cagr", "basket: return a year", "percent"),
    ("/sleeves/hedged/cagr", "hedged: return a year", "percent"),
    ("/sleeves/hedged/volatility", "hedged: volatility", "percent"),
    ("/sleeves/hedged/sharpe", "hedged: Sharpe", "ratio"),
    ("/sleeves/hedged/max_drawdown", "hedged: maximum drawdown", "percent"),
    ("/sleeves/hedged/cvar_95", "hedged: CVaR 95 % a day", "percent"),
    ("/sleeves/hedged/beta_to_market", "hedged: beta", "ratio"),
    ("/hedge_effectiveness/variance/out_of_sample", "variance removed, out of sample", "percent"),
    ("/hedge_effectiveness/variance/low", "  low", "percent"),
    ("/hedge_effectiveness/variance/high", "  high", "percent"),
    ("/hedge_effectiveness/cvar_95/out_of_sample", "CVaR removed, out of sample", "percent"),
    ("/costs_bps_per_year/trading", "trading, bps a year", "bps"),
    ("/costs_bps_per_year/borrow", "borrow, bps a year", "bps"),
    ("/costs_bps_per_year/dividends", "dividends owed, bps a year", "bps"),
    ("/costs_bps_per_year/rebate", "rebate, bps a year", "bps"),
    ("/costs_bps_per_year/interest", "interest, bps a year", "bps"),
    ("/turnover/basket", "basket turnover, one-way a year", "ratio"),
    ("/names", "names", "count"),
)


@dataclass(frozen=True)
class Comparison:
    """Runs in columns: `figures[pointer][i]` and `config[path][i]` belong to `runs[i]`; unknown is None."""

    runs: tuple[str, ...]
    directories: tuple[str, ...]
    figures: dict[str, tuple[float | None, ...]]
    config: dict[str, tuple[object, ...]]
    same_span: bool
    answers: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """As plain data, a run at a time."""
        return {
            "runs": [
                {
                    "name": name,
                    "directory": directory,
                    "figures": {pointer: values[i] for pointer, values in self.figures.items()},
                    "config": {path: values[i] for path, values in self.config.items()},
                }
                for i, (name, directory) in enumerate(zip(self.runs, self.directories, strict=True))
            ],
            "same_span": self.same_span,
        }


def compare(directories: Sequence[str | Path]) -> Comparison:
    """Read finished runs and lay them side by side. Raises `ConfigError` where a directory holds none."""
    if len(directories) < 2:
        raise ConfigError("compare needs at least two directories of finished runs")
    summaries = [read_summary(directory) for directory in directories]
    configs = [flat(_config(Path(directory))) for directory in directories]
    names = [str(s.get("name") or Path(d).name) for s, d in zip(summaries, directories, strict=True)]
    shown = tuple(
        n if names.count(n) == 1 else f"{n} ({Path(d).name})" for n, d in zip(names, directories, strict=True)
    )
    figures = {pointer: tuple(_number(at(s, pointer)) for s in summaries) for pointer, _, _ in ROWS}
    paths = dict.fromkeys(path for config in configs for path in config)
    values = {path: tuple(config.get(path) for config in configs) for path in paths}
    spans = [s.get("span") for s in summaries]
    return Comparison(
        shown,
        tuple(str(d) for d in directories),
        {pointer: row for pointer, row in figures.items() if any(v is not None for v in row)},
        {path: row for path, row in values.items() if any(v != row[0] for v in row)},
        all(span == spans[0] for span in spans),
        tuple(str(s.get("answer") or "") for s in summaries),
    )


def at(data: Mapping[str, object], pointer: str) -> object:
    """The value at a JSON pointer, None where there is none.

    >>> at({"a": {"b": 1}}, "/a/b")
    1
    """
    found: object = data
    for step in pointer.strip("/").split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found


def flat(data: object, path: str = "") -> dict[str, object]:
    """Nested config as dotted paths; lists stay whole.

    >>> flat({"hedge": {"window": 252}, "benchmarks": ["SPY"]})
    {'hedge.window': 252, 'benchmarks': ['SPY']}
    """
    if not isinstance(data, Mapping):
        return {path: data}
    return {
        key: value
        for name, child in data.items()
        for key, value in flat(child, f"{path}.{name}" if path else str(name)).items()
    }


def _config(directory: Path) -> dict[str, object]:
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{directory / MANIFEST}: cannot be read ({error})") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("config"), dict):
        raise ConfigError(f"{directory / MANIFEST}: not a run's manifest (it holds no config)")
    config = dict(manifest["config"])
    config["data"] = manifest.get("data") or {}
    files = manifest.get("files")
    for name, file in files.items() if isinstance(files, dict) else ():
        config[f"file {name}"] = str(at(file, "/sha256") or "")[:12]
    return config


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
