"""What the simulator is asked: arrays and numbers, no spec.

1. The book is a funded sleeve: weights of NAV at its rebalance sessions.
2. Each short sleeve (a basket, an index) has weights that sum to one and a ratio: dollars short per dollar of book.
3. All sleeves share one cash account; a name held long and short is two positions.
4. Sizes are taken after costs, at the close of the event; money is as traded, splits change share counts only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Varying
from backtest.carry import Financing, Swap
from backtest.costs import Costs
from backtest.margin import Margin
from backtest.simulate.sleeves import Recalls
from backtest.simulate.tape import MAX_HALT_SESSIONS, Delistings, Panel

Targets = Mapping[int, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class ShortSleeve:
    """One thing held short.

    targets     session index -> weights (n_assets,), sum 1
    ratio       dollars short per dollar of book, effective at each session's close; NaN holds. Scalar or (n_sessions,)
    refresh     sessions at which the notional is set right even though the ratio did not change, (n_sessions,) bool
    swap        held by swap; None for borrowed shares
    recalls     names called back by their lenders
    """

    name: str
    targets: Targets
    ratio: float | npt.ArrayLike = 1.0
    refresh: npt.NDArray[np.bool_] | None = None
    swap: Swap | None = None
    recalls: Recalls | None = None


@dataclass(frozen=True)
class Account:
    """One account over the sessions of a panel.

    long_targets   session index -> weights of NAV (n_assets,); they may sum to less than 1 (the rest is cash), and
                   negative ones are shorts the book already holds
    exposure       share of NAV the book is scaled to at each of its rebalances; scalar or (n_sessions,)
    borrow_fee     decimal a year; NaN is unknown and stops whoever shorts the name
    margin         requirements that are enforced; None for a broker that never calls
    short_cap_usd  largest short position a name may be increased to, all sleeves together, earlier ones served first
                   (0 is a ban, infinite no limit): locates
    """

    panel: Panel
    long_targets: Targets
    shorts: tuple[ShortSleeve, ...] = ()
    costs: Costs = field(default_factory=Costs)
    financing: Financing = field(default_factory=Financing)
    borrow_fee: Varying = 0.0
    initial_nav: float = 100e6
    exposure: float | npt.ArrayLike = 1.0
    delistings: Delistings | None = None
    max_halt_sessions: int = MAX_HALT_SESSIONS
    short_cap_usd: Varying = np.inf
    margin: Margin | None = None
