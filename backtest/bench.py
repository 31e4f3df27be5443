"""How fast, how exact, how large: the engine beside plain daily vectorbt and `bt`, in one run and on the same work.

1. Each contender runs in a process of its own; time per variant, peak memory, and NAV without friction.
2. The floor is one pass over the price matrix from memory, timed in turn with the engine.
3. NAVs are compared where all can express the case, and the full account with its daily vectorbt portfolio.
4. A sweep of 100 baskets x 100 ratios with all figures, by one thread and by several.
5. Cost against variants, names and years, as a table and a log-log plot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from backtest import contenders
from backtest.contenders import Work, apart

Progress = Callable[[str, int, int], None]

ENGINE_VARIANTS: Final = 100
VECTORBT_VARIANTS: Final = 5  # its time per variant does not fall with their number; its memory grows
SWEEP: Final = (100, 100)
SCALES: Final[dict[str, tuple[int, ...]]] = {
    "variants": (1, 10, 100, 1000),
    "names": (125, 250, 500, 1000),
    "years": (2, 5, 10, 20),
}
PLAIN_LIMIT: Final = 500 * 10  # names x years beyond which plain vectorbt is not timed


def bench(
    work: Work | None = None, workers: int = 2, quick: bool = False, progress: Progress | None = None
) -> dict[str, object]:
    """All figures. `quick` leaves out the scaling table and makes a tenth of the sweep.

    Figures of a contender that is not installed are None.
    """
    work = Work() if work is None else work
    stages = ["the engine", "plain vectorbt", "bt", "a sweep", *([] if quick else list(SCALES))]

    def at(stage: str) -> None:
        if progress is not None:
            progress(stage, stages.index(stage), len(stages))

    at("the engine")
    ours = apart(contenders.engine, work, ENGINE_VARIANTS)
    daily_error = apart(contenders.daily_portfolio_error, work)
    at("plain vectorbt")
    plain = apart(contenders.plain_vectorbt, work, VECTORBT_VARIANTS)
    rust = apart(contenders.plain_vectorbt, work, VECTORBT_VARIANTS, "rust") if _here("vectorbt_rust") else None
    at("bt")
    other = apart(contenders.plain_bt, work) if _here("bt") else None
    at("a sweep")
    screens, ratios = SWEEP if not quick else (SWEEP[0] // 10, SWEEP[1])
    alone, sweep = (apart(contenders.screens_by_ratios, work, screens, ratios, n) for n in (1, workers))
    found = {"engine": ours, "vectorbt, daily rows": plain, "vectorbt, daily rows, Rust": rust, "bt": other}
    rows = {name: row for name, row in found.items() if row is not None}
    nav = np.asarray(ours["nav"])
    errors = {name: float(np.max(np.abs(np.asarray(row["nav"]) / nav - 1.0))) for name, row in rows.items()}
    mine = _ms(ours)
    result: dict[str, object] = {
        "work": vars(work),
        "per_variant_ms": mine,
        "vectorbt_daily_ms": _ms(plain),
        "vectorbt_rust_ms": _ms(rust) if rust else None,
        "bt_ms": _ms(other) if other else None,
        "ratio_vectorbt": _ms(plain) / mine,
        "ratio_bt": _ms(other) / mine if other else None,
        "memory_pass_ms": ours["pass_ms"],
        "memory_passes": mine / float(str(ours["pass_ms"])),
        "single_run_ms": ours["single_ms"],
        "peak_mb": ours["peak_mb"],
        "max_nav_error": max(*errors.values(), daily_error),
        "daily_portfolio_error": daily_error,
        "sweep": {
            **{key: sweep[key] for key in ("variants", "seconds", "cpu_seconds", "peak_mb")},
            "workers": workers,
            "seconds_alone": alone["seconds"],
            "speed_up": float(str(alone["seconds"])) / float(str(sweep["seconds"])),
            "same_figures": bool(np.array_equal(np.asarray(alone["figures"]), np.asarray(sweep["figures"]))),
        },
        "contenders": [
            {
                "name": name,
                "per_variant_ms": _ms(row),
                "times_the_engine": _ms(row) / mine,
                "peak_mb": row["peak_mb"],
                "nav_error": errors[name],
                "variants": row["n_variants"],
            }
            for name, row in rows.items()
        ],
    }
    if not quick:
        table: list[dict[str, object]] = []
        for scale in SCALES:
            at(scale)
            table += _scaling(work, scale)
        result["scaling"] = table
    return result


def _here(library: str) -> bool:
    from importlib.util import find_spec

    return find_spec(library) is not None


def _ms(row: dict[str, object]) -> float:
    return float(str(row["ms"]))


def _scaling(work: Work, scale: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for value in SCALES[scale]:
        n_variants = value if scale == "variants" else ENGINE_VARIANTS
        task = work if scale == "variants" else replace(work, **{scale: value})
        task = replace(
            task, held_long=min(task.held_long, task.names // 4), held_short=min(task.held_short, task.names // 4)
        )
        ours = apart(contenders.engine, task, n_variants, 2)
        row: dict[str, object] = {"scale": scale, "value": value, "engine_ms": ours["ms"], "engine_mb": ours["peak_mb"]}
        row["vectorbt_ms"] = None
        if task.names * task.years <= PLAIN_LIMIT and scale != "variants":
            row["vectorbt_ms"] = apart(contenders.plain_vectorbt, task, 1)["ms"]
        rows.append(row)
    return rows


def scaling_page(result: dict[str, object], path: Path) -> None:
    """The log-log plot of cost against variants, names and years, one HTML file that opens offline."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    table = result.get("scaling")
    rows = table if isinstance(table, list) else []
    figure = make_subplots(cols=len(SCALES), subplot_titles=list(SCALES), shared_yaxes=True)
    for column, scale in enumerate(SCALES, start=1):
        mine = [row for row in rows if row["scale"] == scale]
        for key, name, colour in (
            ("engine_ms", "engine", "#1f5f8b"),
            ("vectorbt_ms", "vectorbt, daily rows", "#b5523b"),
        ):
            points = [(row["value"], row[key]) for row in mine if row[key] is not None]
            if points:
                x, y = zip(*points, strict=True)
                figure.add_trace(
                    go.Scatter(x=x, y=y, name=name, mode="lines+markers", line_color=colour, showlegend=column == 2),
                    row=1,
                    col=column,
                )
        figure.update_xaxes(type="log", title_text=scale, row=1, col=column)
    figure.update_yaxes(type="log")
    figure.update_yaxes(title_text="milliseconds a variant", row=1, col=1)
    figure.update_layout(title="Cost of one variant", template="simple_white")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True, full_html=True)
