"""Rules on one date: who passes the tree of conditions, and who leaves because a figure is missing.

1. Every condition gives two answers per name: it is met, and its figure is missing.
2. A value is compared under the tier rule: a broken denominator lies beyond every threshold on the bad side, and a
   metric that cannot be bad (net cash, no interest to pay) short of every one.
3. A percentile is (rank - 0.5) / n of the figure itself in its natural order, among the population or within a sector:
   `ai_beta >= pct 0.5` is at or above the median; `roa < pct 0.2` is the lowest fifth.
4. A missing figure counts as met, as not met, or drops the name whatever the tree says: `on_missing`.
5. all_of, any_of and not combine what is met. The order of conditions never matters.
6. `obstacles` names the conditions that keep one name out, and which of them stand for one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from screens.measurement import Measurements, direction_of
from screens.metrics.ai_sources import tagged
from screens.registry import Comparison, Direction, Values
from screens.rule_spec import Condition, Label, Tree
from screens.scoring import Flags, Floats, Ints, percentiles

if TYPE_CHECKING:
    from market.view import View

MIN_GROUP = 5  # smaller sectors are ranked among all, as in scoring
ROUNDING = 1e-12  # percentiles are quotients of small numbers; equality is meant exactly


@dataclass(frozen=True)
class Tested:
    """One condition on one date; all arrays have shape (n_assets,)."""

    path: str
    leaf: Condition | Label
    met: Flags
    missing: Flags
    values: Values | None = None
    percentile: Floats | None = None


@dataclass(frozen=True)
class Outcome:
    """The tree on one date: who passes, and each condition on its own."""

    passed: Flags
    dropped: Flags
    tested: tuple[Tested, ...]


@dataclass(frozen=True)
class Obstacle:
    """A condition that stands in one name's way: whether it should hold, and the rule of which one part is enough."""

    path: str
    wanted: bool
    one_of: str = ""


def obstacles(tree: Tree, met: Mapping[str, bool], path: str = "rules", wanted: bool = True) -> list[Obstacle]:
    """The conditions (by path) whose answer keeps the tree from being as wanted; none where it is."""
    if _holds(tree, path, met) == wanted:
        return []
    found: list[Obstacle] = []
    for word, rules in _branches(tree):
        hoped = wanted != (word == "not")
        answers = {here: _answer(rule, here, met) for here, rule in _places(path, word, rules)}
        if word == "any_of" and wanted and any(answers.values()):
            continue  # one part is enough, and one holds
        for here, rule in _places(path, word, rules):
            inner = obstacles(rule, met, here, hoped) if isinstance(rule, Tree) else [Obstacle(here, hoped)]
            if answers[here] != hoped:
                group = path if not wanted else f"{path}.any_of" if word == "any_of" else ""
                found += [replace(one, one_of=group or one.one_of) for one in inner]
    return found


def _branches(tree: Tree) -> Iterator[tuple[str, tuple[Tree | Condition | Label, ...]]]:
    for word, rules in (("all_of", tree.all_of), ("any_of", tree.any_of), ("not", tree.negated and (tree.negated,))):
        if rules:
            yield word, rules


def _places(
    path: str, word: str, rules: tuple[Tree | Condition | Label, ...]
) -> Iterator[tuple[str, Tree | Condition | Label]]:
    for position, rule in enumerate(rules):
        yield f"{path}.not" if word == "not" else f"{path}.{word}[{position}]", rule


def _answer(rule: Tree | Condition | Label, path: str, met: Mapping[str, bool]) -> bool:
    return _holds(rule, path, met) if isinstance(rule, Tree) else met[path]


def _holds(tree: Tree, path: str, met: Mapping[str, bool]) -> bool:
    for word, rules in _branches(tree):
        answers = [_answer(rule, here, met) for here, rule in _places(path, word, rules)]
        if not {"all_of": all, "any_of": any, "not": lambda held: not any(held)}[word](answers):
            return False
    return True


def evaluate_rules(
    tree: Tree | None, measured: Measurements, population: Flags, groups: dict[str, Ints], tags: str | None = None
) -> Outcome:
    """Who passes. `population` are the names among which percentiles are formed; `groups` codes them by sector.

    tags: a file of dated tags beside those of the store.
    """
    n_assets = population.size
    if tree is None:
        return Outcome(np.ones(n_assets, dtype=bool), np.zeros(n_assets, dtype=bool), ())
    tested: dict[str, Tested] = {}
    for path, leaf in tree.leaves():
        if isinstance(leaf, Label):
            tested[path] = _test_label(path, leaf, measured.view, tags)
        else:
            tested[path] = _test_condition(path, leaf, measured, population, groups)
    dropped = np.zeros(n_assets, dtype=bool)
    for test in tested.values():
        if test.leaf.on_missing == "drop":
            dropped |= test.missing
    passed = _combine(tree, "rules", tested, n_assets) & ~dropped
    return Outcome(passed, dropped, tuple(tested.values()))


def _combine(tree: Tree, path: str, tested: dict[str, Tested], n_assets: int) -> Flags:
    def answer(rule: Tree | Condition | Label, here: str) -> Flags:
        return _combine(rule, here, tested, n_assets) if isinstance(rule, Tree) else tested[here].met

    holds = np.ones(n_assets, dtype=bool)
    if tree.all_of is not None:
        for position, rule in enumerate(tree.all_of):
            holds &= answer(rule, f"{path}.all_of[{position}]")
    if tree.any_of is not None:
        any_holds = np.zeros(n_assets, dtype=bool)
        for position, rule in enumerate(tree.any_of):
            any_holds |= answer(rule, f"{path}.any_of[{position}]")
        holds &= any_holds
    if tree.negated is not None:
        holds &= ~answer(tree.negated, f"{path}.not")
    return holds


def natural_order(values: Values, direction: Direction) -> Floats:
    """One number per name in the order of the figure itself: badness, turned where lower is worse."""
    badness = values.badness(direction)
    return -badness if direction == "lower_is_worse" else badness


def _test_condition(
    path: str, leaf: Condition, measured: Measurements, population: Flags, groups: dict[str, Ints]
) -> Tested:
    values, direction = measured.values(leaf), direction_of(leaf)
    known, percentile = values.known(), None
    if leaf.pct is not None or leaf.pct_between is not None:
        figure = np.where(population, natural_order(values, direction), np.nan)
        percentile = percentiles(figure, groups.get(leaf.within), MIN_GROUP)
        known = ~np.isnan(percentile)
        if leaf.pct is not None and leaf.op is not None:
            met = _compare(percentile, leaf.op, leaf.pct)
        else:
            low, high = leaf.pct_between or (0.0, 1.0)
            met = (percentile >= low - ROUNDING) & (percentile <= high + ROUNDING)
    elif leaf.value is not None and leaf.op is not None:
        met = values.compare(leaf.op, leaf.value, direction)
    elif leaf.between is not None:
        met = values.compare(">=", leaf.between[0], direction) & values.compare("<=", leaf.between[1], direction)
    else:
        met = np.isin(values.value, leaf.one_of or ())
    missing = ~known
    return Tested(path, leaf, np.where(missing, leaf.on_missing is True, met), missing, values, percentile)


def _compare(percentile: Floats, op: Comparison, threshold: float) -> Flags:
    if op == ">":
        return percentile > threshold + ROUNDING
    if op == ">=":
        return percentile >= threshold - ROUNDING
    return percentile < threshold - ROUNDING if op == "<" else percentile <= threshold + ROUNDING


def _test_label(path: str, leaf: Label, view: View, tags: str | None) -> Tested:
    n_assets = len(view.tickers)
    if leaf.field == "tag":
        met = tagged(view, leaf.one_of, tags)
        return Tested(path, leaf, met, np.zeros(n_assets, dtype=bool))
    if leaf.field == "ticker":
        texts = np.asarray(view.tickers, dtype=object)
    else:
        texts = view.sector() if leaf.field == "sector" else view.industry()
    missing = texts == ""
    met = np.isin(texts.astype(str), leaf.one_of)
    return Tested(path, leaf, np.where(missing, leaf.on_missing is True, met), missing)
