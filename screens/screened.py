"""What a screen found on one date, kept as arrays; frames are made where somebody asks for them.

1. `frame`: one row per name of the data: in the universe or not and why, eligible, score, rank, blocks.
2. `metrics`, `percentiles`, `coverage`: the figures, where they stand in the population, how many names have them.
3. `selected(incumbents)`: the worst names, with the entry and exit buffer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from market.errors import DataError
from screens.blocks import BlockScore
from screens.measurement import direction_of
from screens.registry import Values
from screens.rules import Obstacle, Outcome, obstacles
from screens.scoring import Flags, Floats, order_worst_first, percentiles
from screens.shortfalls import unknown_to_all, warnings_of
from screens.spec import ScreenSpec
from screens.universe import Admission

if TYPE_CHECKING:
    import pandas as pd

    from market.view import View

NO_SCORE = "no score"  # the code of names without a block that the screen requires
SMOOTHING = "smoothing"  # the code of names that pass today but not on enough dates


def rank_worst_first(scores: Floats, tickers: NDArray[np.object_]) -> Floats:
    """Ranks from 1, the highest score first, equal scores by ticker; NaN without a score."""
    rank = np.full(scores.shape, np.nan)
    order = order_worst_first(scores, tickers)
    rank[order] = np.arange(1.0, order.size + 1.0)
    return rank


@dataclass(frozen=True, repr=False)
class Screened:
    """A screen's answer on the date of `view`; arrays have shape (n_assets,), aligned with `view.tickers`.

    admission: who is in the universe; population: among whom ranks are formed; outcome: the rules; eligible: in the
    universe and passed; score: composite, higher is worse, for names of the universe; rank: 1 is the worst, among
    eligible names with a score; values: each metric's figures by label.
    """

    spec: ScreenSpec
    view: View
    admission: Admission
    population: Flags
    outcome: Outcome
    eligible: Flags
    blocks: dict[str, BlockScore]
    score: Floats
    rank: Floats
    values: dict[str, Values]

    def __repr__(self) -> str:
        ranked = int((~np.isnan(self.rank)).sum())
        return f"<Screened {self.spec.name} on {self.session.date()}: {ranked} of {self.rank.size} names ranked>"

    @property
    def session(self) -> pd.Timestamp:
        """The date."""
        return self.view.session

    @cached_property
    def coverage(self) -> dict[str, float]:
        """Share of the names in the universe (before the rules) that have each metric; NaN in an empty universe."""
        admitted = self.admission.admitted
        size = int(admitted.sum())
        return {
            label: float((values.known() & admitted).sum()) / size if size else float("nan")
            for label, values in sorted(self.values.items())
        }

    @cached_property
    def shares(self) -> dict[str, Floats]:
        """Percentile of each metric by label, higher is worse: as scored in its block, else among the population."""
        found = {label: share for name in self.blocks for label, share in self.blocks[name].shares.items()}
        labels = self.spec.labels()
        for call in self.spec.calls():
            label = labels[call.key()]
            if label not in found:
                badness = self.values[label].badness(direction_of(call))
                found[label] = percentiles(np.where(self.population, badness, np.nan))
        return dict(sorted(found.items()))

    def reasons(self, position: int) -> list[str]:
        """Codes of everything that keeps one name out: `universe.min_price`, `rules.all_of[0]`, `no score`."""
        found = [f"universe.{code}" for code in self.admission.reasons(position)]
        if not self.outcome.passed[position]:
            found += [one.path for one in self.obstacles(position)] or ([] if found else ["rules"])
        elif not self.eligible[position] and self.admission.admitted[position]:
            found.append(SMOOTHING)
        if not found and self.blocks and np.isnan(self.score[position]):
            found.append(NO_SCORE)
        return found

    def obstacles(self, position: int) -> list[Obstacle]:
        """The conditions that keep one name out: those whose missing figure drops it, else those not as they should be.

        A name outside the population has no percentile; conditions that only lack that are left out.
        """
        if self.outcome.passed[position] or self.spec.rules is None:
            return []
        asked = [t for t in self.outcome.tested if self.population[position] or not t.missing[position]]
        dropping = [Obstacle(t.path, True) for t in asked if t.missing[position] and t.leaf.on_missing == "drop"]
        met = {test.path: bool(test.met[position]) for test in self.outcome.tested}
        named = {test.path for test in asked}
        return dropping or [one for one in obstacles(self.spec.rules, met) if one.path in named]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per name of the data, indexed by ticker.

        Columns: `in_universe`, `eligible`, `excluded_by` (every reason, '' for none), `score`, `rank`, then for each
        block `<block>` (z-score, higher is worse) and `<block>_pct` (percentile in the population).
        """
        import pandas as pd

        why = ["" if ok else ", ".join(self.reasons(i)) for i, ok in enumerate(self.eligible & ~np.isnan(self.rank))]
        columns: dict[str, object] = {
            "in_universe": self.admission.admitted,
            "eligible": self.eligible,
            "excluded_by": why,
            "score": self.score,
            "rank": self.rank,
        }
        for name in self.spec.blocks:
            columns[name], columns[f"{name}_pct"] = self.blocks[name].z, self.blocks[name].percentile
        return pd.DataFrame(columns, index=self.index)

    @cached_property
    def index(self) -> pd.Index:
        """Tickers, in the order of the arrays."""
        import pandas as pd

        return pd.Index(self.view.tickers, name="ticker")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Every metric in its own unit and natural sign, one row per name; NaN where a quotient has no meaning."""
        import pandas as pd

        return pd.DataFrame({label: values.value for label, values in sorted(self.values.items())}, index=self.index)

    @cached_property
    def percentiles(self) -> pd.DataFrame:
        """Where each name's metrics stand in the population, in (0, 1); higher is worse."""
        import pandas as pd

        return pd.DataFrame(self.shares, index=self.index)

    def selected(self, incumbents: Collection[str] = ()) -> list[str]:
        """The names to hold, worst first within each class of claims.

        First those ranked at `enter_rank` or better, then incumbents ranked at `exit_rank` or better, then the rest by
        rank, until `count` are held; a name whose sector is full is passed over. Without count or share: every name
        that passes, by rank, then by ticker.
        """
        chosen = self.spec.selection
        tickers = np.asarray(self.view.tickers, dtype=object)
        ranked = np.flatnonzero(~np.isnan(self.rank))
        ranked = ranked[np.argsort(self.rank[ranked])]
        if not self.blocks:
            ranked = np.flatnonzero(self.eligible)
            ranked = ranked[np.argsort(tickers[ranked])]
        if chosen.count is None and chosen.share is None:
            count, enter, leave = ranked.size, ranked.size, ranked.size
        elif chosen.count is not None:
            count = chosen.count
            enter, leave = chosen.enter_rank or count, chosen.exit_rank or count
        else:
            share = chosen.share or 1.0
            sizes = (share, chosen.enter_share or share, chosen.exit_share or share)
            count, enter, leave = (int(np.ceil(ranked.size * size - 1e-9)) for size in sizes)
        held = set(incumbents)
        position = np.arange(1, ranked.size + 1)
        stays = np.array([tickers[i] in held for i in ranked], dtype=bool) & (position <= leave)
        claim = np.where(position <= enter, 0, np.where(stays, 1, 2))
        order = ranked[np.lexsort((position, claim))]
        return [str(tickers[i]) for i in self._within_sectors(order, chosen.max_per_sector)[:count]]

    def _within_sectors(self, order: NDArray[np.int64], limit: int | None) -> list[int]:
        if limit is None:
            return order.tolist()
        sector, kept = self.view.sector(), []
        used: dict[str, int] = {}
        for position in order.tolist():
            name = sector[position]
            if name == "" or used.get(name, 0) < limit:
                used[name] = used.get(name, 0) + 1
                kept.append(position)
        return kept

    def sector_full(self, position: int) -> bool:
        """Whether as many worse names of its sector as are allowed keep a name out that its rank would let in."""
        chosen, rank = self.spec.selection, self.rank[position]
        sector = self.view.sector()
        if chosen.max_per_sector is None or np.isnan(rank) or sector[position] == "":
            return False
        worse = (self.rank < rank) & (sector == sector[position])
        return int(worse.sum()) >= chosen.max_per_sector

    def ranked(self, incumbents: Collection[str] = ()) -> pd.DataFrame:
        """The ranked names, worst first: rank, score, selected, sector, blocks, metrics (see `screens.run`)."""
        import pandas as pd

        frame = self.frame
        rows = frame.index[self.eligible] if not self.blocks else frame["rank"].dropna().sort_values().index
        head = frame.loc[rows, ["rank", "score"]]
        chosen = set(self.selected(incumbents))
        head["selected"] = [ticker in chosen for ticker in rows]
        head["sector"] = pd.Series(self.view.sector(), index=self.index, dtype=str)[rows]
        blocks = [column for name in self.spec.blocks for column in (name, f"{name}_pct")]
        return pd.concat([head, frame.loc[rows, blocks], self.metrics.loc[rows]], axis=1)

    def require_names(self) -> Screened:
        """Itself where a name passes; else raises `DataError` that says what stood in the way."""
        if (self.eligible & (~np.isnan(self.rank) if self.blocks else True)).any():
            return self
        parts = [f"{self.spec.name} on {self.session.date()}: no name can be ranked"]
        if not self.admission.admitted.any():
            counts = {code: int(limit.failed.sum()) for code, limit in self.admission.limits.items()}
            worst = sorted(counts, key=lambda code: -counts[code])[:3]
            names = len(self.view.tickers)
            parts.append(f"of {names} names, " + ", ".join(f"{counts[code]} fail {code}" for code in worst))
            if worst[0] == "min_history_sessions":
                parts.append(f"the data begin {self.view.market.sessions[0].date()}")
        elif not self.outcome.passed[self.admission.admitted].any():
            parts.append(f"none of the {int(self.admission.admitted.sum())} names of the universe passes the rules")
        raise DataError("; ".join([*parts, *unknown_to_all(self).values()]))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the result should know: figures that nobody or few have, sources that are missing."""
        return warnings_of(self)

    def with_changes(self, eligible: Flags, score: Floats) -> Screened:
        """The same answer with other eligible names and scores, ranked anew."""
        tickers = np.asarray(self.view.tickers, dtype=object)
        return replace(
            self, eligible=eligible, score=score, rank=rank_worst_first(np.where(eligible, score, np.nan), tickers)
        )
