"""Does anything at a session depend on what came after it? Recompute the run on data that end there, and compare.

1. Take dates spread evenly over the run, every one of them a session on which something was decided or shortly after.
2. For each, cut the market at that close: prices, facts by the day they became known, later membership, borrow.
3. Build book, basket, hedge ratio and tactical multiplier anew from the cut market, and keep the hedged account.
4. The ratio decided on that session is estimated again from returns before it.
5. Up to that session everything else must be equal to the bit: weights, level returns, ratios, multipliers, NAV.

NAV uses one thing that is booked, not acted on: dated borrow fees hold 20 sessions both ways, so its last 20 sessions
before a cut may differ and are left out of the comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.accounts import Accounts
from backtest.legs import Legs, build_legs, walk
from backtest.overlay import multipliers, overlaid
from backtest.spec import Span
from backtest.terms import terms
from market.borrow import VALID_SESSIONS
from market.errors import ConfigError

if TYPE_CHECKING:
    from backtest.spec import RunSpec
    from market import Market

DATES = 20
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Difference:
    """One thing that changed when the future was taken away."""

    cut: pd.Timestamp
    what: str
    session: pd.Timestamp
    name: str
    whole: float
    truncated: float

    def __str__(self) -> str:
        return (
            f"cut at {self.cut.date()}: {self.what} {self.name} on {self.session.date()} is {self.truncated!r}, "
            f"with the future it was {self.whole!r}"
        )


@dataclass(frozen=True)
class Audit:
    """`dates` at which the market was cut, and every difference found."""

    dates: list[pd.Timestamp]
    differences: list[Difference] = field(default_factory=list)


def audit(spec: RunSpec, data: Market, n_dates: int = DATES, progress: Progress | None = None) -> Audit:
    """Audit a run for look-ahead at `n_dates` sessions.

    Raises `ConfigError` for fewer than one date, and whatever the run itself raises.
    """
    if n_dates < 1:
        raise ConfigError(f"an audit needs at least one date, found {n_dates}")
    whole = _state(build_legs(spec, data))
    dates = audit_dates(whole.legs, n_dates)
    fixed = spec.model_copy(update={"span": Span(start=whole.legs.sessions[0].date(), end=None)})
    found: list[Difference] = []
    for number, date in enumerate(dates):
        if progress is not None:
            progress(f"cut at {date.date()}", number, len(dates))
        truncated = _state(build_legs(fixed, data.cut(date)))
        found += compare(whole, truncated, date)
        found += before_the_session(whole, truncated.legs, date)
    return Audit(dates, found)


def before_the_session(whole: _State, legs: Legs, cut: pd.Timestamp) -> list[Difference]:
    """The ratio decided at the cut, once more from returns that end the session before it.

    A cut keeps the close of its own session, so that a ratio which peeks at that close would pass the comparison.
    """
    if cut not in whole.path.index:
        return []
    book, short = (leg.returns[leg.returns.index < cut] for leg in (legs.book, legs.short))
    rules, kind = legs.spec.hedge, legs.spec.hedge.estimator
    again = walk(rules, kind, book, short, pd.DatetimeIndex([cut]), legs.parameters(kind))
    told = "hedge ratio without its own session's return"
    return _frames(told, whole.path[["raw"]].loc[[cut]], again[["raw"]], cut)


def audit_dates(legs: Legs, n_dates: int) -> list[pd.Timestamp]:
    """Half of them sessions of a rebalance, the rest spread evenly; never the last session, which cuts nothing."""
    inside = legs.sessions[VALID_SESSIONS:-1]
    rebalances = _spread(legs.short.rebalances.intersection(inside), (n_dates + 1) // 2)
    return sorted({*rebalances, *_spread(inside.difference(rebalances), n_dates - len(rebalances))})


def _spread(sessions: pd.DatetimeIndex, n: int) -> pd.DatetimeIndex:
    """At most `n` of the sessions, evenly spread, the last among them: it has the most behind it to compare."""
    return sessions[np.unique(np.linspace(len(sessions) - 1, 0, min(n, len(sessions))).astype(int))]


@dataclass(frozen=True)
class _State:
    legs: Legs
    path: pd.DataFrame
    nav: pd.DataFrame
    tactical: pd.DataFrame


def _state(legs: Legs) -> _State:
    path = legs.ratio_path(legs.short.returns)
    accounts = Accounts(legs, terms(legs.spec, legs.data, legs.panel))
    hedged = accounts.hedged(path["target"])
    nav = {"": hedged.nav}
    tactical = multipliers(legs)
    if legs.spec.overlay is not None:
        followed = overlaid(path["target"], tactical["multiplier"])
        nav["with the overlay"] = accounts.hedged(followed).nav
    return _State(legs, path, pd.DataFrame(nav, index=legs.sessions), tactical)


def compare(whole: _State, truncated: _State, cut: pd.Timestamp) -> list[Difference]:
    """Everything known up to the cut, side by side; equal means equal to the bit."""
    found: list[Difference] = []
    for name, one, other in (
        ("book", whole.legs.book, truncated.legs.book),
        ("basket", whole.legs.short, truncated.legs.short),
    ):
        found += _frames(f"weight in the {name}", one.weights, other.weights, cut)
        found += _frames(f"return of the {name}", one.returns.to_frame(""), other.returns.to_frame(""), cut)
    # The last check of a cut run is one that the whole run need not have: a run always decides at its own rebalances.
    found += _frames("hedge ratio", whole.path[["raw", "target"]], truncated.path[["raw", "target"]], cut)
    found += _frames("overlay", whole.tactical, truncated.tactical, cut)
    settled = whole.legs.sessions[whole.legs.sessions <= cut][:-VALID_SESSIONS]
    if len(settled):
        before = settled[-1]
        found += _frames("NAV", whole.nav, truncated.nav, before)
    return found


def _frames(what: str, whole: pd.DataFrame, truncated: pd.DataFrame, cut: pd.Timestamp) -> list[Difference]:
    columns = whole.columns.union(truncated.columns)
    one = whole[whole.index <= cut].reindex(columns=columns)
    other = truncated[truncated.index <= cut].reindex(columns=columns)
    if what.startswith("weight"):  # a name never held in one of them has no column there
        one, other = one.fillna(0.0), other.fillna(0.0)
    rows = one.index.union(other.index)
    a, b = one.reindex(rows).to_numpy(dtype=np.float64), other.reindex(rows).to_numpy(dtype=np.float64)
    differs = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    return [
        Difference(cut, what, pd.Timestamp(rows[t]), str(columns[i]), float(a[t, i]), float(b[t, i]))
        for t, i in np.argwhere(differs)
    ]
