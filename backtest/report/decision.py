"""What would change a decision: each test a sceptic would ask for, what was found, and how it reads.

1. A spread or a difference counts as found from |t| of 1.96 on; below that it is *open*, whatever its size.
2. A comparison is *for* the hedge when return and drawdown are both better, *against* when both are worse, else *open*.
3. A figure inside the 5–95 % band of random names is *open*: the screen has not been told apart from luck.
4. Costs, hindsight and coverage are stated, not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from backtest.report import hazards
from backtest.report.judged import SIGNIFICANT_T, Test, Verdict
from backtest.report.numerals import day, is_number, numeral
from backtest.report.tables import Cell, Summary

if TYPE_CHECKING:
    from backtest.result import Result


def tests(result: Result) -> list[Test]:
    """Every test the result has the numbers for, in the order a sceptic asks."""
    summary = Summary(result.summary)
    market = str(getattr(result.spec, "market", "SPY"))
    return [
        *_spread(summary),
        *hazards.beside_index(summary, market),
        *hazards.ai_days(summary, market),
        *_hold_less(summary),
        *_best_quality(summary),
        *_random(summary),
        *_worst_window(result),
        *hazards.squeeze(summary),
        *hazards.gap(summary),
        *_carry(summary),
        *hazards.sector_tilt(summary),
        *hazards.missing_debt(summary),
        *_coverage(summary),
        *_hindsight(summary),
        *hazards.variants(summary),
    ]


def _spread(summary: Summary) -> Iterator[Test]:
    found: list[str | Cell] = []
    clear: list[bool] = []
    window = ""
    for index, windows in summary.table("/spread_over_index").items():
        if not isinstance(windows, dict) or not windows:
            continue
        window = next(iter(windows))
        path = f"/spread_over_index/{index}/{window}"
        annual, t = summary.get(f"{path}/annual"), summary.get(f"{path}/t")
        if not is_number(annual) or not is_number(t):
            continue
        found += [
            "; " if found else "",
            f"over {index} ",
            summary.number(f"{path}/annual", "percent", sign=True),
            " (t ",
        ]
        found += [summary.number(f"{path}/t", "ratio"), ")"]
        if abs(float(t)) >= SIGNIFICANT_T:  # type: ignore[arg-type]
            clear.append(float(annual) > 0)  # type: ignore[arg-type]
    if not found:
        return
    verdict: Verdict = "open"
    reading = "not distinguishable from zero" if not clear else "not the same against every index"
    if clear and all(clear):
        verdict, reading = "for", "the names paid beyond the index"
    elif clear and not any(clear):
        verdict, reading = "against", "the index was the cheaper short"
    yield Test(f"Paid beyond an equal-beta index short, a year, {window}", tuple(found), verdict, reading)


def _hold_less(summary: Summary) -> Iterator[Test]:
    path = next((f"/benchmarks/{k}" for k in summary.table("/benchmarks") if "less" in k.lower()), "")
    if path:
        yield _compare(summary, path, "Simply holding less, at the hedged book's volatility")


def _best_quality(summary: Summary) -> Iterator[Test]:
    path = next((f"/placebos/{k}" for k in summary.table("/placebos") if "quality" in k.lower()), "")
    if path and is_number(summary.get(f"{path}/cagr")):
        yield _compare(summary, path, "Placebo: shorting the best-quality names")


def _compare(summary: Summary, path: str, name: str) -> Test:
    here = [summary.get(f"/sleeves/hedged/{k}") for k in ("cagr", "max_drawdown")]
    there = [summary.get(f"{path}/{k}") for k in ("cagr", "max_drawdown")]
    verdict: Verdict = "open"
    reading = "better on one count, worse on the other"
    if all(is_number(v) for v in here + there):
        better = [float(a) > float(b) for a, b in zip(here, there, strict=True)]  # type: ignore[arg-type]
        if all(better):
            verdict, reading = "for", "the hedge kept more and fell less"
        elif not any(better):
            verdict, reading = "against", "the simpler choice kept more and fell less"
    found = (
        summary.number(f"{path}/cagr", "percent"),
        " a year, drawdown ",
        summary.number(f"{path}/max_drawdown", "percent"),
        "; hedged ",
        summary.number("/sleeves/hedged/cagr", "percent"),
        " and ",
        summary.number("/sleeves/hedged/max_drawdown", "percent"),
    )
    return Test(name, found, verdict, reading)


def _random(summary: Summary) -> Iterator[Test]:
    path = next((f"/placebos/{k}" for k in summary.table("/placebos") if "random" in k.lower()), "")
    low, high = (summary.get(f"{path}/cagr/{p}") for p in ("p5", "p95"))
    own = summary.get("/sleeves/hedged/cagr")
    if not path or not all(is_number(v) for v in (low, high, own)):
        return
    inside = float(low) <= float(own) <= float(high)  # type: ignore[arg-type]
    verdict: Verdict = "open" if inside else "for" if float(own) > float(high) else "against"  # type: ignore[arg-type]
    reading = "inside the band: no better than luck" if inside else "outside the band of random names"
    found = (
        "5–95 % of draws: ",
        summary.number(f"{path}/cagr/p5", "percent"),
        " to ",
        summary.number(f"{path}/cagr/p95", "percent"),
        " a year; hedged ",
        summary.number("/sleeves/hedged/cagr", "percent"),
    )
    yield Test("Placebo: random names behind the same gate", found, verdict, reading)


def _worst_window(result: Result) -> Iterator[Test]:
    frame = result.stress
    if frame.empty:
        return
    effect = (frame["hedged"] - frame["book"]).astype(float)
    if effect.isna().all():
        return
    row = frame.iloc[int(effect.argmin())]
    basket = numeral(row["basket"], "percent", sign=True)
    hedge = numeral(effect.min(), "points", sign=True)
    found = (f"{row['window']}, {day(row['start'])} to {day(row['end'])}: basket {basket}, hedge {hedge}",)
    yield Test("Worst of the named windows", found, "fact", "size the hedge so that this can be borne")


def _carry(summary: Summary) -> Iterator[Test]:
    kinds = summary.table("/costs_bps_per_year")
    if not kinds:
        return
    found: list[str | Cell] = []
    for kind in kinds:
        found += [
            ", " if found else "",
            f"{kind.replace('_', ' ')} ",
            summary.number(f"/costs_bps_per_year/{kind}", "bps"),
        ]
    yield Test("Carry, bps of average NAV a year", tuple(found), "fact", "credits negative")


def _hindsight(summary: Summary) -> Iterator[Test]:
    found = _numbers(summary, "/hindsight", "percent")
    if found:
        yield Test(
            "Hindsight: the basket's return, by the members it was drawn from",
            found,
            "fact",
            "what a survivors-only universe would add",
        )


def _coverage(summary: Summary) -> Iterator[Test]:
    found = _numbers(summary, "/coverage/members", "percent0")
    if found:
        yield Test(
            "Members of the index that the data hold", found, "fact", "the missing ones mostly failed or were bought"
        )


def _numbers(summary: Summary, path: str, style: Literal["percent", "percent0"]) -> tuple[str | Cell, ...]:
    found: list[str | Cell] = []
    for key, value in summary.table(path).items():
        if not is_number(value):
            continue
        fraction = abs(float(value)) <= 1.5 and not isinstance(value, int)  # type: ignore[arg-type]
        cell = summary.number(f"{path}/{key}", style if fraction else "auto")
        found += [", " if found else "", f"{key.replace('_', ' ')} ", cell]
    return tuple(found)
