"""What accounts on one panel share, laid out once: marks, accruals, cost rates, requirements, and sleeves as events.

1. `Desk.of` lays panel and terms out by session and name.
2. `events` turns the targets of a sleeve into events, and into the value of one unit of its shape by session.
3. `layout` joins the sleeves of an account into the arrays the driver reads; accounts that hold the same targets
   objects share all of it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Floats, over
from backtest.carry import Accruals, accruals, borrow_accruals, swap_accruals
from backtest.costs import Rates, rates
from backtest.simulate import driven
from backtest.simulate.account import Account, ShortSleeve, Targets
from backtest.simulate.sleeves import FUNDED, RATIO, Events, sleeve_events
from backtest.simulate.tape import Tape, tape
from market.errors import ConfigError

BOOK: Final = "book"
BOOK_SHORTS: Final = "book shorts"
KEPT: Final = 64  # sleeves and layouts a desk remembers, the most recent ones

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Sleeve:
    """One sleeve of an account, with its side and how it is sized."""

    name: str
    sign: float
    role: int
    targets: Targets
    short: ShortSleeve | None = None

    @property
    def borrows(self) -> bool:
        """Whether the shares are borrowed: short, and not by swap."""
        return self.sign < 0 and (self.short is None or self.short.swap is None)

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Sleeves with the same key have the same events, rates and unit series."""
        recalls = None if self.short is None else self.short.recalls
        swap = None if self.short is None else self.short.swap
        return id(self.targets), id(recalls), id(swap), self.role


@dataclass(frozen=True)
class Prepared:
    """Events of a sleeve; its entries' tradability, prices and rates at their own event; its unit series."""

    sleeve: Sleeve  # held, so that the ids in its key stay its own
    events: Events
    rows: tuple[npt.NDArray[np.int64], Floats, Floats, Floats, Floats]
    series: tuple[Floats, Floats, Floats]
    rebate: Floats


@dataclass(frozen=True)
class Layout:
    """The joined arrays of an account's sleeves; see `vbt.run_account`."""

    held: tuple[Sleeve, ...]  # so that the ids in its key stay its own
    sign: Floats
    sleeves: driven.Sleeves
    rows: driven.Rows
    series: driven.Series
    terms: driven.Terms
    eventful: npt.NDArray[np.bool_]
    proportional: bool


@dataclass
class Desk:
    """What accounts on one panel share. Sleeves are kept by their targets object."""

    account: Account
    tape: Tape
    owed: Floats
    rates: Rates
    accruals: Accruals
    short_cap: Floats
    margin: tuple[Floats, Floats, Floats, Floats, bool]
    tradable: npt.NDArray[np.uint8]
    limited: bool
    linger: bool
    _split: dict[int, tuple[Targets, tuple[Sleeve, ...]]] = field(default_factory=dict)
    _prepared: dict[tuple[int, ...], Prepared] = field(default_factory=dict)
    _layouts: dict[tuple[tuple[int, ...], ...], Layout] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def of(cls, account: Account) -> Desk:
        """Lay the account's panel and terms out by session and name."""
        if not account.initial_nav > 0:
            raise ConfigError(f"initial_nav: must be above 0, found {account.initial_nav}")
        shape = (len(account.panel.sessions), len(account.panel.tickers))
        marks = tape(account.panel, account.delistings, account.max_halt_sessions)
        terms = accruals(account.panel.sessions, account.financing)
        fee = over(account.borrow_fee, *shape, "borrow_fee", missing=True)
        cap = over(account.short_cap_usd, *shape, "short_cap_usd")
        tradable = marks.observed.astype(np.uint8)
        tradable[marks.terminal] = 2
        share = np.isfinite(account.costs.participation)
        m = account.margin
        needs = (0.0,) * 4 if m is None else (m.maintenance_long, m.maintenance_short, m.initial_long, m.initial_short)
        first, second, third, fourth = (over(v, *shape, "margin", missing=True) for v in needs)
        return cls(
            account=account,
            tape=marks,
            owed=borrow_accruals(fee, marks.price, terms.days),
            rates=rates(account.costs, *shape),
            accruals=terms,
            short_cap=cap,
            margin=(first, second, third, fourth, m is not None and m.enforce),
            tradable=tradable,
            limited=bool(share or not np.isposinf(cap).all()),
            # A position that may be left over keeps its name in the lists.
            linger=bool(share or (m is not None and m.enforce)),
        )

    def book(self, targets: Targets) -> tuple[Sleeve, ...]:
        """The book as one sleeve, or two where it holds shorts of its own."""
        with self._lock:
            return self._book(targets)

    def _book(self, targets: Targets) -> tuple[Sleeve, ...]:
        kept = self._split.get(id(targets))
        if kept is None:
            sleeves: tuple[Sleeve, ...] = (Sleeve(BOOK, 1.0, FUNDED, targets),)
            if any((np.asarray(w) < 0).any() for w in targets.values()):
                long = {t: np.maximum(w, 0.0) for t, w in targets.items()}
                short = {t: np.maximum(-np.asarray(w), 0.0) for t, w in targets.items()}
                sleeves = (Sleeve(BOOK, 1.0, FUNDED, long), Sleeve(BOOK_SHORTS, -1.0, FUNDED, short))
            _forget(self._split)
            kept = self._split[id(targets)] = (targets, sleeves)
        return kept[1]

    def prepared(self, sleeve: Sleeve) -> Prepared:
        """Events of a sleeve, and value, borrow and dividends of one unit of its shape by session."""
        from backtest.simulate.vbt import unit_series

        kept = self._prepared.get(sleeve.key)
        if kept is None:
            recalls = None if sleeve.short is None else sleeve.short.recalls
            found = sleeve_events(sleeve.targets, self.tape, sleeve.name, recalls, self.linger)
            arrays = (found.sessions, found.starts, found.names, found.units)
            nothing = np.zeros(len(self.tape.price))
            at = np.repeat(found.sessions, np.diff(found.starts)), found.names
            grow, shrink = (self.rates.buy, self.rates.sell)[:: int(sleeve.sign)]
            swap = None if sleeve.short is None else sleeve.short.swap
            _forget(self._prepared)
            kept = self._prepared[sleeve.key] = Prepared(
                sleeve=sleeve,
                events=found,
                rows=(
                    self.tradable[at].astype(np.int64),
                    self.tape.price[at],
                    grow[at],
                    shrink[at],
                    self.rates.impact[at],
                ),
                series=(
                    unit_series(*arrays, self.tape.price),
                    unit_series(*arrays, self.owed) if sleeve.borrows else nothing,
                    unit_series(*arrays, self.tape.dividend),
                ),
                rebate=self.accruals.rebate
                if swap is None
                else swap_accruals(self.account.panel.sessions, self.account.financing, swap),
            )
        return kept

    def layout(self, sleeves: tuple[Sleeve, ...]) -> Layout:
        """The sleeves of one account, joined."""
        with self._lock:
            return self._layout(sleeves)

    def _layout(self, sleeves: tuple[Sleeve, ...]) -> Layout:
        key = tuple(s.key for s in sleeves)
        kept = self._layouts.get(key)
        if kept is None:
            found = [self.prepared(s) for s in sleeves]
            events = [f.events for f in found]
            offsets = np.cumsum([0] + [len(e.names) for e in events])
            starts = [np.zeros(1, dtype=np.int64)]
            starts += [e.starts[1:] + o for e, o in zip(events, offsets[:-1], strict=True)]
            eventful = np.zeros(len(self.tape.price), dtype=np.bool_)
            for e in events:
                eventful[e.sessions] = True
            swaps = [None if s.short is None else s.short.swap for s in sleeves]
            sign = np.array([s.sign for s in sleeves])
            _forget(self._layouts)
            kept = self._layouts[key] = Layout(
                held=sleeves,
                sign=sign,
                sleeves=(
                    sign,
                    np.array([s.role for s in sleeves], dtype=np.int64),
                    np.cumsum([0] + [len(e.sessions) for e in events]).astype(np.int64),
                    np.concatenate([e.sessions for e in events]),
                    np.concatenate([e.kind for e in events]),
                    np.concatenate([e.total for e in events]),
                    np.concatenate(starts),
                    np.concatenate([e.names for e in events]),
                    np.concatenate([e.units for e in events]),
                ),
                rows=(
                    np.concatenate([f.rows[0] for f in found]),
                    np.concatenate([f.rows[1] for f in found]),
                    np.concatenate([f.rows[2] for f in found]),
                    np.concatenate([f.rows[3] for f in found]),
                    np.concatenate([f.rows[4] for f in found]),
                ),
                series=(
                    np.column_stack([f.series[0] for f in found]),
                    np.column_stack([f.series[1] for f in found]),
                    np.column_stack([f.series[2] for f in found]),
                ),
                terms=(
                    self.accruals.credit,
                    self.accruals.debit,
                    np.column_stack([f.rebate for f in found]),
                    np.array([w is not None and w.reset == "event" for w in swaps]),
                    np.array([s.borrows for s in sleeves]),
                ),
                eventful=eventful,
                proportional=not self.linger and not any(e.stuck for e in events),
            )
        return kept


def _forget(kept: dict[Key, Value]) -> None:
    """Make room for one more, dropping what was laid out first."""
    while len(kept) >= KEPT:
        kept.pop(next(iter(kept)))


def short_sleeves(shorts: tuple[ShortSleeve, ...]) -> tuple[Sleeve, ...]:
    """The short sleeves of an account, sized by their ratios."""
    return tuple(Sleeve(s.name, -1.0, RATIO, s.targets, s) for s in shorts)
