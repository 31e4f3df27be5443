"""The accounts of a run, all on one desk: same sessions, prices, costs and financing.

1. `Unhedged`: the book alone. `Hedged`: the same book with the basket short at the walk-forward ratio, and beside it
   whatever else the run holds short.
2. Index shorts are the same account with a fund in the basket's place, at its own ratio path; the other legs stay.
3. A ratio path holds the target stamped at each check until the next; NaN between checks means hold.
4. Holding less scales the book to a share of NAV at its rebalances; the rest earns the benchmark rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.simulate import Account, Desk, Many, ShortSleeve, Simulation, Variant, simulate, simulate_many
from backtest.terms import MAX_HALT_SESSIONS, Terms

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.legs import Legs
    from backtest.short_spec import Implementation
    from backtest.simulate.account import Targets

BASKET = "basket"
IN_ITS_PLACE = "in the basket's place"  # a sleeve's name that no leg can have


@dataclass(frozen=True)
class Accounts:
    """What every account of a run shares, and the ways to open one."""

    legs: Legs
    terms: Terms

    @cached_property
    def book_targets(self) -> Targets:
        return self.legs.targets(self.legs.book)

    @cached_property
    def basket_targets(self) -> Targets:
        return self.legs.targets(self.legs.short)

    @cached_property
    def unhedged(self) -> Account:
        """The book alone."""
        return Account(
            panel=self.legs.panel,
            long_targets=self.book_targets,
            costs=self.terms.costs,
            financing=self.terms.financing,
            borrow_fee=self.terms.borrow_fee,
            initial_nav=self.legs.spec.initial_nav,
            delistings=self.terms.delistings,
            max_halt_sessions=MAX_HALT_SESSIONS,
            short_cap_usd=self.terms.short_cap_usd,
            margin=self.terms.margin if self.terms.margin.enforce else None,
        )

    @cached_property
    def desk(self) -> Desk:
        return Desk.of(self.unhedged)

    def by_session(self, path: pd.Series) -> Floats:
        """A path stamped at checks as a ratio by session, NaN (hold) between them; (n_sessions,)."""
        return path.reindex(self.legs.sessions).to_numpy(dtype=np.float64)

    @cached_property
    def _funds(self) -> dict[str, Targets]:
        return {}

    def fund_targets(self, ticker: str) -> Targets:
        """All of a short sleeve in one name, from the first session on. The same object each time: layouts share it."""
        if ticker not in self._funds:
            weights = np.zeros(len(self.legs.data.tickers))
            weights[self.legs.data.tickers.get_loc(ticker)] = 1.0
            self._funds[ticker] = {0: weights}
        return self._funds[ticker]

    @cached_property
    def others(self) -> tuple[ShortSleeve, ...]:
        """What is held short beside the basket, each leg at its own ratio."""
        return tuple(
            self._held(
                leg.name,
                self.fund_targets(leg.fund) if leg.basket is None else self.legs.targets(leg.basket),
                leg.path,
                None if leg.basket is None and leg.implementation == "stock" else leg.implementation,
            )
            for leg in self.legs.others
        )

    def simulate(self, *shorts: ShortSleeve) -> Simulation:
        """One account followed name by name, with its orders: the book, and short sleeves if any."""
        return simulate(replace(self.unhedged, shorts=shorts), self.desk)

    def hedged(self, path: pd.Series, implementation: Implementation | None = None) -> Simulation:
        """The account of the run: book, basket at the ratio of `path`, other legs. By default held as the spec says."""
        return self.simulate(self.hedged_by(self.basket_targets, path, implementation), *self.others)

    def many(self, variants: Sequence[Variant]) -> Many:
        """Many accounts at once; NAV and totals only."""
        return simulate_many(self.unhedged, variants, desk=self.desk)

    def hedged_by(self, targets: Targets, path: pd.Series, implementation: Implementation | None = None) -> ShortSleeve:
        """A basket short at the ratio of `path`: the run's own, or one that takes its place."""
        return self._held(BASKET, targets, path, implementation or self.legs.spec.implementation)

    def indexed_by(self, targets: Targets, path: pd.Series) -> ShortSleeve:
        """A fund, or a mix of funds, in the basket's place."""
        return self._held(IN_ITS_PLACE, targets, path, None)

    def _held(self, name: str, targets: Targets, path: pd.Series, implementation: Implementation | None) -> ShortSleeve:
        """implementation: None for borrowed shares of a fund, which are never called back."""
        return ShortSleeve(
            name=name,
            targets=targets,
            ratio=self.by_session(path),
            swap=self.terms.swap if implementation == "swap" else None,
            recalls=self.terms.recalls if implementation == "stock" else None,
        )

    def nav_frame(self, columns: Mapping[str, Floats]) -> pd.DataFrame:
        return pd.DataFrame(dict(columns), index=self.legs.sessions)
