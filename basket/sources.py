"""The pool of each rebalance, whatever the names come from.

1. A screen is evaluated on the signal session's view, or taken from evaluations already made.
2. The largest companies are ranked by size as known then.
3. A fixed list and the user's positions are taken as they are: no filter but the missing price, unless one is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.book import Holdings, net_weights, read_holdings, worth_of
from basket.pool import Pool, largest, listed, make_pool
from basket.prices import IndexPrices
from basket.schedule import nearest_valid
from basket.source_spec import FixedList, Positions, ScreenSource, Source, TopByMarketCap
from basket.spec import BasketSpec, BookSpec
from market.errors import ConfigError, InfeasibleError

if TYPE_CHECKING:
    from market.market import Market
    from screens.screened import Screened
    from screens.spec import ScreenSpec

Floats = npt.NDArray[np.float64]

DEFAULT_MAX_BORROW_FEE = 0.03  # decimal a year: what a desk calls hard to borrow, with room
Issuers = Callable[[pd.Timestamp], Collection[str]]


@dataclass
class Sourcing:
    """Makes pools. `screened` collects the screen's answers by signal session, those given at first included.

    `in_place` is a screen to use instead of the one the source names.
    """

    spec: BasketSpec | BookSpec
    data: Market
    prices: IndexPrices
    exclude: Issuers
    screened: dict[pd.Timestamp, Screened] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    in_place: ScreenSpec | None = None

    def __post_init__(self) -> None:
        self.source: Source = self.spec.origin()
        self.screen: ScreenSpec | None = None
        self.holdings: Holdings | None = None
        if isinstance(self.source, ScreenSource):
            from screens.loading import load
            from screens.spec import ScreenSpec

            self.screen = self.in_place or load(self.source.screen.target, ScreenSpec)
        elif isinstance(self.source, FixedList):
            _require_known(self.source.tickers or tuple(self.source.given), self.data, self.spec.name)
        elif isinstance(self.source, Positions):
            self.holdings = read_holdings(self.source.file.target, set(self.data.tickers))
            self.counted = len(self.data.sessions) - 1
            if self.source.as_of is not None:
                self.counted = nearest_valid(self.data.sessions, pd.Timestamp(self.source.as_of), "positions' as_of")
            if self.source.hold == "weights" and self.holdings.unit == "shares":
                self.holdings = self._as_weights(self.holdings)

    def _as_weights(self, holdings: Holdings) -> Holdings:
        worth = worth_of(holdings, self.data.tickers, self.prices.value[self.counted], self.prices.factor[self.counted])
        weights = net_weights(worth, self.spec.name)
        columns = self.data.tickers.get_indexer(holdings.amounts.index)
        return Holdings("weight", pd.Series(weights[columns], index=holdings.amounts.index))

    @property
    def as_written(self) -> bool:
        """Whether the user named the names: then no default filter touches them."""
        return isinstance(self.source, FixedList | Positions)

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags of names that are left out."""
        rules = self.spec.selection
        return rules.exclude_tags if not self.as_written or "exclude_tags" in rules.model_fields_set else ()

    @property
    def unknown_tags(self) -> tuple[str, ...]:
        """Those of the tags that no row of the data carries: nobody can be left out for them."""
        known = set(self.data.rows("tags")["tag"]) if self.data.has("tags") else set()
        return tuple(tag for tag in self.tags if tag not in known)

    def pool(self, signal: pd.Timestamp, fill: int) -> Pool:
        """The pool of one rebalance, of what `signal` knows; `fill` (position) only values shares already held."""
        view = self.data.as_of(signal)
        rules = self.spec.selection
        issuers = self.exclude(signal)
        fee = rules.max_borrow_fee
        if fee is None and isinstance(self.spec, BasketSpec) and not self.as_written:
            fee = DEFAULT_MAX_BORROW_FEE
        score: Floats | None = None
        given: Floats | None = None
        screened: Screened | None = None
        if isinstance(self.source, ScreenSource):
            screened = self._screened(signal, issuers)
            order, score = screened.rank, screened.score
            if not screened.blocks:  # a screen without scores: every name that passes, in the order of tickers
                order = np.where(screened.eligible, np.arange(1.0, len(order) + 1.0), np.nan)
            why = np.full(len(order), "", dtype=object)
        elif isinstance(self.source, TopByMarketCap):
            order, why = largest(view, self.source, self.lines)
        elif isinstance(self.source, FixedList):
            order, why, given = listed(view, self.source)
        else:
            order, why, given = self._positions(fill)
        return make_pool(
            view,
            order,
            why,
            rules,
            self.sizes,
            exclude_issuers=issuers,
            exclude_tags=self.tags,
            max_borrow_fee=fee,
            score=score,
            given=given,
            screened=screened,
        )

    def demand_computable(self, signal: pd.Timestamp) -> None:
        """Raise `DataError` where nobody can be ranked on `signal` because the store lacks what a metric needs."""
        if self.screen is not None:
            screened = self._screened(signal, self.exclude(signal))
            if any(share == 0 for share in screened.coverage.values()):
                screened.require_names()

    def _screened(self, signal: pd.Timestamp, issuers: Collection[str]) -> Screened:
        if signal not in self.screened:
            from screens.screen import evaluate

            assert self.screen is not None
            self.screened[signal] = evaluate(self.screen, self.data.as_of(signal), frozenset(issuers))
        return self.screened[signal]

    def _positions(self, fill: int) -> tuple[Floats, npt.NDArray[np.object_], Floats]:
        assert self.holdings is not None
        worth = worth_of(self.holdings, self.data.tickers, self.prices.value[fill], self.prices.factor[self.counted])
        worth = np.where(self.prices.traded[fill], worth, 0.0)
        why = np.where(worth == 0, "no position, or not yet listed", "").astype(object)
        return np.where(worth != 0, -np.abs(worth), np.nan), why, worth

    def sizes(self, n_names: int) -> tuple[int, int, int]:
        """How many of `n_names` names to hold, the rank to enter at and the rank to stay until."""
        chosen = self.spec.selection
        if chosen.count is not None:
            return chosen.count, chosen.enter_rank or chosen.count, chosen.exit_rank or chosen.count
        if isinstance(self.source, TopByMarketCap):
            count = self.source.count
            return count, self.source.enter_rank or count, self.source.exit_rank or count
        if self.screen is not None:
            rules = self.screen.selection
            if rules.count is not None:
                return rules.count, rules.enter_rank or rules.count, rules.exit_rank or rules.count
            if rules.share is not None:
                shares = (rules.share, rules.enter_share or rules.share, rules.exit_share or rules.share)
                count, enter, leave = (max(1, int(np.ceil(n_names * share - 1e-9))) for share in shares)
                return count, enter, leave
        if isinstance(self.source, FixedList):
            n_names = len(self.source.tickers) or len(self.source.given)
        size = max(1, n_names)
        return size, size, size


def issuers_of(names: Collection[str], data: Market, what: str = "exclude") -> frozenset[str]:
    """Issuers of tickers, or issuer keys as they are. Raises `ConfigError` for a name that is neither."""
    table = data.securities
    keys = set(table["issuer"])
    found = {str(table.at[name, "issuer"]) if name in table.index else name for name in names}
    unknown = sorted(found - keys)
    if unknown:
        raise ConfigError(f"{what}: unknown {', '.join(unknown)}{data.hint(unknown[0])}")
    return frozenset(found)


def _require_known(tickers: Collection[str], data: Market, name: str) -> None:
    unknown = [ticker for ticker in tickers if ticker not in data.tickers]
    if unknown:
        told = "; ".join(f"unknown ticker {ticker}{data.hint(ticker)}" for ticker in unknown)
        raise ConfigError(f"{name}: {told}")


def too_few(pool: Pool, view_date: pd.Timestamp, wanted: int, needed: int) -> InfeasibleError:
    """An error that says how many names qualify, how many are needed, and what stands in the way of the others."""
    counts: dict[str, int] = {}
    offered = np.flatnonzero(~np.isfinite(pool.rank))
    for position in offered.tolist():
        first = pool.reason(position).split(", ")[0]
        counts[first] = counts.get(first, 0) + 1
    worst = sorted(counts.items(), key=lambda item: -item[1])[:3]
    why = ", ".join(f"{reason or 'not offered'} ({count})" for reason, count in worst)
    return InfeasibleError(
        f"{view_date:%Y-%m-%d}: {pool.size} names qualify of {wanted} wanted, and the caps need at least {needed}; "
        f"the others are out for: {why}"
    )
