"""Who enters and who leaves between two screens, or two dates of one, and because of what.

1. Select on both sides; between two dates the names held before keep their buffer.
2. A name on one side only is attributed to what kept it out on the other: limits of the universe, rules that failed, a
   score that is missing, or else its rank, with the block that moved it most.
3. Count the causes: "+7 -2 because of rules.all_of[1]".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from screens.change import borders, missing_blocks
from screens.describe import figure_in_words, rule_in_words, wrapped
from screens.rule_spec import Condition
from screens.screened import NO_SCORE, Screened

if TYPE_CHECKING:
    import pandas as pd

RANK = "rank"
SECTOR_FULL = "selection.max_per_sector"


@dataclass(frozen=True)
class Move:
    """One entry or exit: the causes by code, the same in words, and the ranks on both sides."""

    ticker: str
    action: Literal["enters", "leaves"]
    causes: tuple[str, ...]
    words: str
    rank_before: int | None
    rank_after: int | None


@dataclass(frozen=True)
class Difference:
    """What changes from `before` to `after`, each named as screen and date."""

    before: str
    after: str
    stayed: tuple[str, ...]
    moves: tuple[Move, ...]

    def entries(self) -> list[str]:
        """Tickers that enter, in alphabetical order."""
        return [move.ticker for move in self.moves if move.action == "enters"]

    def exits(self) -> list[str]:
        """Tickers that leave, in alphabetical order."""
        return [move.ticker for move in self.moves if move.action == "leaves"]

    def by_cause(self) -> dict[str, dict[str, int]]:
        """Entries and exits by cause; a name with two causes counts under both."""
        counts = Counter((cause, move.action) for move in self.moves for cause in move.causes)
        causes = sorted({cause for cause, _ in counts})
        return {cause: {"enters": counts[cause, "enters"], "leaves": counts[cause, "leaves"]} for cause in causes}

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {**asdict(self), "by_cause": self.by_cause()}

    def frame(self) -> pd.DataFrame:
        """One row per move."""
        import pandas as pd

        columns = ["ticker", "action", "causes", "words", "rank_before", "rank_after"]
        rows = [{**asdict(move), "causes": ", ".join(move.causes)} for move in self.moves]
        return pd.DataFrame(rows, columns=columns)

    def words(self) -> str:
        """The same for reading."""
        enters, leaves = len(self.entries()), len(self.exits())
        lines = [f"{self.before} -> {self.after}: +{enters} -{leaves}, {len(self.stayed)} stay"]
        lines += [f"  +{n['enters']} -{n['leaves']} because of {cause}" for cause, n in self.by_cause().items()]
        for title, action in (
            (f"Enter, and what kept them out of {self.before}", "enters"),
            (f"Leave, and what keeps them out of {self.after}", "leaves"),
        ):
            chosen = [move for move in self.moves if move.action == action]
            if chosen:
                lines += ["", title, *(wrapped(f"  {move.ticker:8}{move.words}", 10) for move in chosen)]
        return "\n".join(lines)


def diff(before: Screened, after: Screened, keep_incumbents: bool | None = None) -> Difference:
    """What changes from one screen to another.

    keep_incumbents: whether the names of `before` count as held in `after`; by default when the dates differ.
    """
    held = before.session != after.session if keep_incumbents is None else keep_incumbents
    old = before.selected()
    new = after.selected(old if held else ())
    moves = [_move(ticker, "enters", before, after) for ticker in sorted(set(new) - set(old))]
    moves += [_move(ticker, "leaves", before, after) for ticker in sorted(set(old) - set(new))]
    return Difference(_name(before), _name(after), tuple(sorted(set(old) & set(new))), tuple(moves))


def _name(screened: Screened) -> str:
    return f"{screened.spec.name} {screened.session.date()}"


def _move(ticker: str, action: Literal["enters", "leaves"], before: Screened, after: Screened) -> Move:
    outside = before if action == "enters" else after
    ranks = (_rank(before, ticker), _rank(after, ticker))
    at = _position(outside, ticker)
    if at is None:
        return Move(ticker, action, ("not in the data",), f"not in the data of {_name(outside)}", *ranks)
    causes = outside.reasons(at)
    if causes:
        words = "; ".join(_cause_in_words(outside, cause, at) for cause in causes)
        return Move(ticker, action, tuple(causes), words, *ranks)
    if outside.sector_full(at):
        words = f"{outside.spec.selection.max_per_sector} worse names of its sector are in already"
        return Move(ticker, action, (SECTOR_FULL,), words, *ranks)
    return Move(ticker, action, (RANK,), _rank_in_words(ticker, ranks, before, after, action), *ranks)


def _position(screened: Screened, ticker: str) -> int | None:
    found = np.flatnonzero(np.asarray(screened.view.tickers, dtype=object) == ticker)
    return int(found[0]) if found.size else None


def _rank(screened: Screened, ticker: str) -> int | None:
    at = _position(screened, ticker)
    return None if at is None or np.isnan(screened.rank[at]) else int(screened.rank[at])


def _cause_in_words(screened: Screened, cause: str, at: int) -> str:
    for test in screened.outcome.tested:
        if test.path != cause:
            continue
        unwanted = "" if test.met[at] else "not "  # met where the rule stands under a `not`
        if not isinstance(test.leaf, Condition) or test.values is None:
            return f"{unwanted}{rule_in_words(test.leaf)}"
        label = screened.spec.labels()[test.leaf.key()]
        if test.missing[at]:
            return f"{label} is not known"
        rule = rule_in_words(test.leaf, label)
        value = figure_in_words(float(test.values.value[at]))
        share = "" if test.percentile is None else f" at percentile {test.percentile[at]:.2f}"
        return f"{unwanted}{rule} ({value}{share})"
    limit = screened.admission.limits.get(cause.removeprefix("universe."))
    if limit is not None:
        return f"{cause} asks for {limit.requirement}"
    return ", ".join([cause, *missing_blocks(screened, at)]) if cause == NO_SCORE else cause


def _rank_in_words(
    ticker: str, ranks: tuple[int | None, int | None], before: Screened, after: Screened, action: str
) -> str:
    enter, leave = borders(after)
    words = f"rank {ranks[0]} -> {ranks[1]}"
    if action == "enters" and enter is not None:
        words += f", enters at {enter}"
    elif leave is not None:
        words += f", stays until {leave}"
    towards = 1.0 if action == "enters" else -1.0
    moved = {block: change for block, change in _pulls(ticker, before, after).items() if change * towards > 0}
    if not moved:
        return f"{words}; its own score did not move that way, others passed it"
    block, change = max(moved.items(), key=lambda item: (abs(item[1]), item[0]))
    return f"{words}; most of it {block} ({change:+.2f} of the score)"


def _pulls(ticker: str, before: Screened, after: Screened) -> dict[str, float]:
    """By block, how much its weighted score moved; a block on one side only counts from zero."""
    found = {}
    for name in sorted(set(before.blocks) | set(after.blocks)):
        change = _pull(after, name, ticker) - _pull(before, name, ticker)
        if change:
            found[name] = change
    return found


def _pull(screened: Screened, name: str, ticker: str) -> float:
    at = _position(screened, ticker)
    if name not in screened.blocks or at is None:
        return 0.0
    total = sum(block.weight for block in screened.spec.blocks.values())
    return float(np.nan_to_num(screened.blocks[name].z[at])) * screened.spec.blocks[name].weight / total
