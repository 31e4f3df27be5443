"""What would have to change for a name to come in, or to go out.

1. A failed limit or condition: the figure, and the one it would need.
2. A rank outside the border: the score at the border, and for each block the percentile that would reach it with the
   other blocks as they are.
3. A name inside: how far it may fall before it leaves.
"""

from __future__ import annotations

import numpy as np

from screens.describe import figure_in_words, rule_in_words
from screens.measurement import direction_of
from screens.registry import REGISTRY
from screens.rule_spec import Condition
from screens.rules import Obstacle, Tested, natural_order
from screens.scoring import Floats
from screens.screened import Screened


def what_would_change(screened: Screened, at: int, chosen: bool) -> list[str]:
    """Sentences, one for each obstacle, or one for the margin of a name that is in."""
    found = []
    for code, limit in screened.admission.limits.items():
        if limit.failed[at]:
            figure = limit.figure
            has = "" if figure is None else f" (now {_cell(figure[at])})"
            found.append(f"universe.{code}: needs {limit.requirement}{has}")
    found += [_obstacle(screened, one, at) for one in screened.obstacles(at)]
    found += missing_blocks(screened, at)
    if np.isnan(screened.rank[at]):
        return found
    enter, leave = borders(screened)
    rank = int(screened.rank[at])
    if chosen and leave is not None:
        score = _score_at(screened, leave)
        margin = "" if score is None else f"; the score there is {score:.2f}, now {screened.score[at]:.2f}"
        found.append(f"rank {rank}: stays until it ranks worse than {leave}{margin}")
    elif not chosen and screened.sector_full(at):
        found.append(f"rank {rank}: {screened.spec.selection.max_per_sector} worse names of its sector are in already")
    elif not chosen and enter is not None:
        found += _climb(screened, at, rank, enter)
    return found


def missing_blocks(screened: Screened, at: int) -> list[str]:
    """The blocks that leave a name of the population without a score."""
    found = []
    for name, block in screened.blocks.items():
        spec = screened.spec.blocks[name]
        known = sum(not np.isnan(score[at]) for score in block.scores.values())
        if screened.population[at] and np.isnan(block.z[at]) and spec.required:
            found.append(f"{name}: {known} of {len(spec.metrics)} metrics known, needs {spec.fewest()}")
    return found


def borders(screened: Screened) -> tuple[int | None, int | None]:
    """The ranks at which a name enters and until which it stays; None where every name that passes is selected."""
    chosen = screened.spec.selection
    ranked = int((~np.isnan(screened.rank)).sum())
    if chosen.count is not None:
        return chosen.enter_rank or chosen.count, chosen.exit_rank or chosen.count
    if chosen.share is None:
        return None, None
    shares = (chosen.enter_share or chosen.share, chosen.exit_share or chosen.share)
    enter, leave = (int(np.ceil(ranked * share - 1e-9)) for share in shares)
    return enter, leave


def _obstacle(screened: Screened, one: Obstacle, at: int) -> str:
    test = next(test for test in screened.outcome.tested if test.path == one.path)
    needs = "needs" if one.wanted else "needs no"
    enough = f" (one of {one.one_of} is enough)" if one.one_of else ""
    return f"{one.path}: {_condition(screened, test, at, needs)}{enough}"


def _condition(screened: Screened, test: Tested, at: int, needs: str) -> str:
    leaf = test.leaf
    if not isinstance(leaf, Condition) or test.values is None:
        return f"{needs} {rule_in_words(leaf)}"
    label = screened.spec.labels()[leaf.key()]
    unit = REGISTRY[leaf.metric].unit
    if test.missing[at]:
        return f"{needs} {rule_in_words(leaf, label)}, but {label} is not known"
    now = figure_in_words(float(test.values.value[at]), unit)
    if np.isnan(test.values.value[at]) and test.values.reason is not None:
        now = str(test.values.reason[at]).replace("_", " ")
    words = f"{needs} {rule_in_words(leaf, label)}; now {now}"
    if test.percentile is None:
        return words
    words += f", percentile {test.percentile[at]:.2f}"
    threshold = threshold_now(test)
    return words if threshold is None else f"{words}; the border is at {figure_in_words(threshold, unit)}"


def threshold_now(test: Tested) -> float | None:
    """What a condition asks for, in the metric's unit: of names that meet a percentile, the figure at the border."""
    leaf = test.leaf
    if not isinstance(leaf, Condition) or leaf.op is None or test.values is None:
        return None
    if leaf.value is not None:
        return leaf.value
    order = natural_order(test.values, direction_of(leaf))
    meets = test.met & ~test.missing & np.isfinite(test.values.value) & ~np.isnan(order)
    if leaf.within != "universe" or not meets.any():
        return None  # every sector has a border of its own
    figures = test.values.value[meets]
    return float(figures.min() if leaf.op in (">", ">=") else figures.max())


def _climb(screened: Screened, at: int, rank: int, enter: int) -> list[str]:
    """How a ranked name would reach the entry border: the score, and each block on its own."""
    score = _score_at(screened, enter)
    if score is None:
        return []
    found = [f"rank {rank}: enters at {enter} or better; the score there is {score:.2f}, now {screened.score[at]:.2f}"]
    blocks, specs = screened.blocks, screened.spec.blocks
    holder = int(np.flatnonzero(screened.rank == min(enter, int(np.nanmax(screened.rank))))[0])
    total = sum(specs[name].weight for name in blocks)
    raw = {row: sum(specs[n].weight * np.nan_to_num(blocks[n].z[row]) for n in blocks) / total for row in (at, holder)}
    for name in screened.spec.blocks:
        if np.isnan(blocks[name].z[at]):
            continue
        needed = blocks[name].z[at] + (raw[holder] - raw[at]) * total / specs[name].weight
        share = _share_below(blocks[name].z, needed)
        now = f"from percentile {blocks[name].percentile[at]:.2f}"
        if share is None:
            found.append(f"{name} alone cannot carry it there ({now})")
        else:
            found.append(f"{name} alone would have to rise {now} to about {share:.2f}")
    return found


def _share_below(scores: Floats, level: float) -> float | None:
    """The percentile at which a score would stand; None above the highest there is."""
    known = np.sort(scores[~np.isnan(scores)])
    return None if not known.size or level > known[-1] else float(np.searchsorted(known, level) + 0.5) / known.size


def _score_at(screened: Screened, rank: int) -> float | None:
    ranked = int((~np.isnan(screened.rank)).sum())
    where = np.flatnonzero(screened.rank == min(rank, ranked))
    return float(screened.score[where[0]]) if where.size else None


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value or "unknown"
    return figure_in_words(float(value))  # type: ignore[arg-type]
