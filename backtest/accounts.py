"""The accounts of a run, all on one desk: same sessions, prices, costs and financing.

1. `Unhedged`: the book alone. `Hedged`: the same book with the basket short at the walk-forward ratio.
2. Index shorts are the same account with a fund in the basket's place, at its own ratio path.
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
    from backtest.simulate.account import Targets

BASKET = "basket"


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
        )

    @cached_property
    def desk(self) -> Desk:
        return Desk.of(self.unhedged)

    def by_session(self, path: pd.Series) -> Floats:
        """A path stamped at checks as a ratio by session, NaN (hold) between them; (n_sessions,)."""
        return path.reindex(self.legs.sessions).to_numpy(dtype=np.float64)

    def fund_targets(self, ticker: str) -> Targets:
        """All of a short sleeve in one name, from the first session on."""
        weights = np.zeros(len(self.legs.data.tickers))
        weights[self.legs.data.tickers.get_loc(ticker)] = 1.0
        return {0: weights}

    def simulate(self, sleeve: ShortSleeve | None = None) -> Simulation:
        """One account followed name by name, with its orders: the book, and a short sleeve if any."""
        shorts = () if sleeve is None else (sleeve,)
        return simulate(replace(self.unhedged, shorts=shorts), self.desk)

    def many(self, variants: Sequence[Variant]) -> Many:
        """Many accounts at once; NAV and totals only."""
        return simulate_many(self.unhedged, variants, desk=self.desk)

    def hedged_by(self, targets: Targets, path: pd.Series, name: str = BASKET) -> ShortSleeve:
        """A sleeve short `targets` at the ratio of `path`."""
        return ShortSleeve(name=name, targets=targets, ratio=self.by_session(path))

    def nav_frame(self, columns: Mapping[str, Floats]) -> pd.DataFrame:
        return pd.DataFrame(dict(columns), index=self.legs.sessions)
