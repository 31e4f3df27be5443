"""A sweep from its file to the ranked table.

1. Read the sweep, and lay its variants out in units.
2. Hand the units that are not done yet to workers; each part is brought to disk as it comes.
3. From all parts, in the order of the grid: the table, ranked, with what so many trials prove in every row.
4. Write table, returns, summary and page. Who did the work leaves no trace in them.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from backtest.evaluate.performance import daily_risk_free
from backtest.plain_json import as_json
from backtest.spec import RunSpec
from backtest.sweep_grid import grid, units_of
from backtest.sweep_spec import SweepSpec, values_of
from backtest.sweep_statistics import evidence
from backtest.sweep_store import PAGE, RETURNS, SUMMARY, VARIANTS, SweepDirectory, fingerprint_of
from backtest.sweep_table import (
    BENCHMARK,
    BENCHMARK_UNIT,
    BOOK,
    DONE,
    FAILED,
    FIGURES,
    RUINED,
    ranked,
    sessions_of,
    written,
)  # fmt: skip
from backtest.sweep_words import conclusion
from backtest.sweep_workers import Done, Question, here, in_processes, on_cluster
from market.errors import ConfigError
from screens.loading import load

if TYPE_CHECKING:
    from market import Market

Progress = Callable[[str, int, int], None]
Json = dict[str, object]


@dataclass(frozen=True)
class SweepResult:
    """A finished sweep.

    table    one row a variant, best first: rank, values, status, figures, deflated Sharpe, number of trials
    returns  daily returns of the accounts that lived, sessions x variants (columns are their numbers)
    summary  what was tried, what was concluded
    """

    spec: SweepSpec
    table: pd.DataFrame
    returns: pd.DataFrame
    summary: Json

    @property
    def rows(self) -> list[Json]:
        """The table as plain records, one a variant."""
        return [{str(k): v for k, v in row.items()} for row in self.table.to_dict("records")]

    def page(self) -> str:
        """Heat map, ranked table and conclusions as one HTML file that needs no network."""
        from backtest.sweep_page import render

        return render(self)


def sweep(
    path: str | os.PathLike[str],
    data: Market | str = "sample",
    *,
    workers: int = 1,
    dask: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> SweepResult:
    """Run all variants of a sweep's file.

    workers: local processes. dask: address of a scheduler, used instead of them. out: a directory for parts and table;
    without it parts are kept in the user's cache until the sweep is finished. resume: go on with what is there.
    progress: called with what is being done, how many variants are done, and of how many.

    Raises `ConfigError` for a wrong config or directory, `DataError` where the base run lacks data.
    """
    import market

    file = Path(path).absolute()
    spec = load(path, SweepSpec)
    place = _store(data)
    opened = market.open(place) if isinstance(data, str) else data
    made = fingerprint_of(spec, file, opened.fingerprint)
    directory = SweepDirectory(Path(out) if out is not None else _cache(spec.name, made), made)
    with directory.held():
        if not (resume and directory.finished):
            directory.begin(resume, private=out is None, manifest=_manifest(spec, opened))
            asked = Question(str(file), place, made)
            _work(spec, directory, lambda numbers: _workers(asked, numbers, workers, dask), progress)
            if progress is not None:
                progress("weighing the evidence", 0, 0)
            directory.finish(_finished(spec, directory, opened))
        found = _read(spec, directory.path)
    if out is None:
        shutil.rmtree(directory.path, ignore_errors=True)
    return found


def _workers(asked: Question, numbers: Sequence[int], workers: int, dask: str | None) -> Done:
    if dask is not None:
        return on_cluster(asked, numbers, dask)
    return here(asked, numbers) if workers == 1 else in_processes(asked, numbers, workers)


def _work(
    spec: SweepSpec, directory: SweepDirectory, workers: Callable[[Sequence[int]], Done], progress: Progress | None
) -> None:
    """Have the units done that are not; each part is kept as it comes."""
    units = units_of(grid(spec))
    sizes = {BENCHMARK_UNIT: 0} | {unit.number: len(unit.variants) for unit in units}
    kept = directory.done(units)
    done, total = sum(sizes[number] for number in kept), sum(sizes.values())

    def at() -> None:
        if progress is not None:
            progress("variants", done, total)

    at()
    left = [number for number in sizes if number not in kept]
    for number, part in workers(left) if left else ():
        directory.keep(number, part)
        done += sizes[number]
        at()


def _finished(spec: SweepSpec, directory: SweepDirectory, data: Market) -> dict[str, bytes]:
    """All files of the finished sweep, from its parts."""
    units = units_of(grid(spec))
    rows = pa.concat_tables([directory.rows(unit.number) for unit in units]).sort_by("variant")
    beside = directory.rows(BENCHMARK_UNIT)
    sessions = sessions_of(beside, data)
    lived = [
        n for n, status in zip(rows["variant"].to_pylist(), rows["status"].to_pylist(), strict=True) if status == DONE
    ]
    returns = _matrix(rows, "returns", lived, sessions)
    rivals = _matrix(rows, "rival", lived, sessions)
    run = load(spec.run.target, RunSpec)
    risk_free = daily_risk_free(data.rates(run.cash.benchmark), sessions)
    rows = rows.drop_columns(["returns", "rival"])
    found = evidence(returns, rivals, risk_free, rows.num_rows)
    plain = rows.to_pandas()
    table = ranked(spec, plain.join(found.columns, on="variant"))
    table["trials"] = rows.num_rows
    table["effective_trials"] = found.clusters
    table["pbo"] = found.pbo
    aside = beside.drop_columns(["returns", "rival", *spec.vary]).to_pandas().set_index("variant")
    summary: Json = {
        "name": spec.name,
        "question": spec.question,
        "run": run.name,
        "varied": {path: [written(v) for v in values_of(axis)] for path, axis in spec.vary.items()},
        "span": {
            "start": str(data.sessions[data.sessions < sessions[0]][-1].date()),
            "end": str(sessions[-1].date()),
            "sessions": len(sessions) + 1,
        },
        "variants": {
            "tried": rows.num_rows,
            **{status: int((plain["status"] == status).sum()) for status in (DONE, FAILED, RUINED)},
        },
        "failures": _failures(plain),
        "rank_by": spec.rank_by,
        "benchmark": f"short {spec.benchmark or run.market} at equal market beta",
        "book": _figures(aside.loc[BOOK]),
        "benchmark_figures": _figures(aside.loc[BENCHMARK]),
        **found.told,
    }
    summary["conclusion"] = conclusion(summary, table)
    result = SweepResult(spec, table, returns, summary)
    frame = returns.set_axis([str(n) for n in returns.columns], axis=1)
    return {
        VARIANTS: _parquet(table),
        RETURNS: _parquet(frame),
        SUMMARY: (as_json(summary) + "\n").encode(),
        PAGE: result.page().encode(),
    }


def _read(spec: SweepSpec, directory: Path) -> SweepResult:
    """A finished sweep from its directory."""
    returns = pd.read_parquet(directory / RETURNS)
    returns.columns = pd.Index([int(number) for number in returns.columns], name="variant")
    summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
    return SweepResult(spec, pd.read_parquet(directory / VARIANTS), returns, summary)


def _matrix(rows: pa.Table, column: str, numbers: Sequence[int], sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Daily returns of some variants, sessions x variants."""
    told = dict(zip(rows["variant"].to_pylist(), rows[column], strict=True))
    values = np.empty((len(sessions), len(numbers)), dtype=np.float32)
    for place, number in enumerate(numbers):
        values[:, place] = told[number].values.to_numpy(zero_copy_only=False)
    return pd.DataFrame(values, index=sessions, columns=pd.Index(list(numbers), name="variant"))


def _failures(rows: pd.DataFrame) -> Json:
    """Reason -> how many variants it stopped, the most frequent first."""
    reasons = rows.loc[rows["status"] != DONE, "reason"].value_counts(sort=True)
    return {str(reason): int(count) for reason, count in reasons.items()}


def _figures(line: pd.Series) -> Json:
    return {name: float(line[name]) for name in FIGURES}


def _manifest(spec: SweepSpec, data: Market) -> Json:
    return {
        "name": spec.name,
        "config": spec.model_dump(mode="json", by_alias=True),
        "data": {"store": data.name, "fingerprint": data.fingerprint},
        "units": len(units_of(grid(spec))),
    }


def _store(data: Market | str) -> str:
    """Where workers open the market: `sample`, or a directory."""
    if isinstance(data, str):
        return data if data == "sample" or "://" in data else str(Path(data).absolute())
    if data.root is None and data.name != "sample":
        raise ConfigError("a sweep needs a market that its workers can open: `sample` or the directory of a store")
    return "sample" if data.name == "sample" else str(data.root)


def _cache(name: str, made: str) -> Path:
    import platformdirs

    return platformdirs.user_cache_path("hedgebasket") / "sweeps" / f"{name}-{made[:12]}"


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", compression="zstd")
    return buffer.getvalue()
