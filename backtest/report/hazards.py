"""First-screen rows on what the short is beside an index, and on what can hurt it.

1. Beside the index: basket to short per dollar of book once the index is there too. Negative: one would buy it.
2. The worst AI days: whether the basket fell by more than its market beta on the days this hedge is bought for.
3. The steepest squeeze and the worst single name, with what they cost and the margin they took.
4. Sector tilt, missing debt and the number of variants tried are stated, not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from backtest.report.judged import SIGNIFICANT_T, Test, by_t
from backtest.report.numerals import Style, day, is_number
from backtest.report.tables import Cell, Summary

SQUEEZES = {"sessions_1": "one session", "sessions_5": "a week", "sessions_21": "a month"}
LARGEST = 3  # sectors named


def beside_index(summary: Summary, market: str) -> Iterator[Test]:
    """The marginal ratio given the index, its sign included, and the correlation once the index is out."""
    t = summary.get("/marginal/basket/t")
    if not is_number(t):
        return
    verdict, reading = by_t(
        t, f"it hedges what {market} does not", f"beside a {market} short one would buy the basket, not short it"
    )
    found = (
        "ratio ",
        summary.number("/marginal/basket/ratio", "ratio", sign=True),
        " (t ",
        summary.number("/marginal/basket/t", "ratio"),
        "); correlation with the book ",
        summary.number("/marginal/correlation", "ratio", sign=True),
        f", with {market} removed ",
        summary.number("/marginal/correlation_beyond_market", "ratio", sign=True),
    )
    yield Test(f"Basket to short per dollar of book, beside {market}", found, verdict, reading)


def ai_days(summary: Summary, market: str) -> Iterator[Test]:
    """What book, basket and hedge did on the worst AI days, and what the basket paid beyond the index."""
    path = "/worst_ai_days"
    if not is_number(summary.get(f"{path}/spread/mean")):
        return
    found: list[str | Cell] = []
    for name in ("book", "basket", "hedge"):
        found += [f"{name} ", summary.number(f"{path}/{name}/mean", "percent2", sign=True), ", "]
    found += [f"beyond {market} ", summary.number(f"{path}/spread/mean", "percent2", sign=True), " (t "]
    found += [summary.number(f"{path}/spread/t", "ratio"), "); on the best ones "]
    found += [summary.number("/best_ai_days/spread/mean", "percent2", sign=True)]
    verdict, reading = by_t(
        summary.get(f"{path}/spread/t"),
        "the basket fell by more than its market beta",
        "the basket fell by less than its market beta",
    )
    back = summary.get("/best_ai_days/spread/t")
    if verdict == "for" and is_number(back) and float(back) <= -SIGNIFICANT_T:  # type: ignore[arg-type]
        reading += ", and rose by more on the best days"
    fund = summary.get(f"{path}/fund") or "the AI fund"
    yield Test(f"Mean of the worst 5 % of AI days, {fund} beyond {market}", tuple(found), verdict, reading)


def squeeze(summary: Summary) -> Iterator[Test]:
    """The basket's steepest rises, and what the short lost at its worst."""
    found: list[str | Cell] = []
    for key, words in SQUEEZES.items():
        path = f"/squeeze/{key}"
        if not is_number(summary.get(f"{path}/basket")):
            continue
        found += ["; " if found else "", f"{words} to {day(summary.get(f'{path}/end'))} basket "]
        found += [summary.number(f"{path}/basket", "percent", sign=True), ", short "]
        found += [summary.number(f"{path}/hedge", "points", sign=True)]
    if found:
        found += _worst_month(summary)
        yield Test("Worst squeeze of the basket, P&L of the short in NAV", tuple(found), "fact", _margin(summary))


def _worst_month(summary: Summary) -> list[str | Cell]:
    path = "/squeeze/sessions_21"
    if not is_number(summary.get(f"{path}/worst_hedge")):
        return []
    when = f"{day(summary.get(f'{path}/worst_hedge_start'))} to {day(summary.get(f'{path}/worst_hedge_end'))}"
    return [". The short's worst month: ", summary.number(f"{path}/worst_hedge", "points", sign=True), f", {when}"]


def _margin(summary: Summary) -> str:
    shown = summary.number("/squeeze/peak_margin_used", "percent0")
    return "" if not shown.key else f"maintenance margin took at most {shown.text} of NAV"


def gap(summary: Summary) -> Iterator[Test]:
    """The name and session that cost the most."""
    if not is_number(summary.get("/gap/loss_bps")):
        return
    found = (
        f"{summary.get('/gap/ticker')} ({summary.get('/gap/name')}) ",
        summary.number("/gap/rise", "percent", sign=True),
        f" on {day(summary.get('/gap/session'))}, held at ",
        summary.number("/gap/weight", "percent", sign=True),
        " of NAV: cost ",
        summary.number("/gap/loss_bps", "bps"),
        " bps",
    )
    yield Test("Worst single-name gap", found, "fact", "close to close; a short has no floor under its loss")


def sector_tilt(summary: Summary) -> Iterator[Test]:
    """The largest differences of sector weights between basket and book at the last rebalance."""
    gaps = {
        name: value
        for name in summary.table("/sector_tilt/sectors")
        if is_number(value := summary.get(f"/sector_tilt/sectors/{name}/difference"))
    }
    largest = sorted(gaps, key=lambda name: -abs(float(gaps[name])))[:LARGEST]  # type: ignore[arg-type]
    found: list[str | Cell] = []
    for name in largest:
        path = f"/sector_tilt/sectors/{name}/difference"
        found += [", " if found else "", f"{name} ", summary.number(path, "points", sign=True)]
    if found:
        when = day(summary.get("/sector_tilt/session"))
        yield Test("Sector tilt, basket less book", tuple(found), "fact", f"a bet on sectors; rebalance of {when}")


def missing_debt(summary: Summary) -> Iterator[Test]:
    """How many names have no known debt."""
    found = _listed(summary, {"/missing_debt/universe": "universe ", "/missing_debt/basket": "basket "}, "percent0")
    if found:
        yield Test("Names whose debt is not known", found, "fact", "they can hardly be ranked, and so hardly be held")


def variants(summary: Summary) -> Iterator[Test]:
    """How many variants stand behind the result."""
    found = _listed(summary, {"/variants_tried": ""}, "count")
    if found:
        yield Test("Variants tried", found, "fact", "by this run; those tried before it are not known to it")


def _listed(summary: Summary, wanted: dict[str, str], style: Style) -> tuple[str | Cell, ...]:
    found: list[str | Cell] = []
    for pointer, words in wanted.items():
        cell = summary.number(pointer, style)
        if cell.key:
            found += [", " if found else "", words, cell]
    return tuple(found)
