"""From arrays to a finished account, and to many at once.

1. Lay out what accounts on one panel share: marks, borrow accruals, cost rates, interest multipliers (`Desk`).
2. Turn each sleeve's targets into events once; variants that use the same targets share them.
3. Run the driver: `simulate` follows every name and keeps the orders; `simulate_many` uses one number per sleeve and
   day wherever positions stay proportional to their shape, and falls back to following names where they do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Floats, over
from backtest.carry import Accruals, accruals, borrow_accruals, swap_accruals
from backtest.costs import Rates, rates
from backtest.simulate.account import Account, ShortSleeve
from backtest.simulate.simulation import LINES, Simulation
from backtest.simulate.sleeves import FUNDED, RATIO, Events, sleeve_events
from backtest.simulate.tape import Tape, tape
from market.errors import ConfigError, DataError

BOOK: Final = "book"
BOOK_SHORTS: Final = "book shorts"


@dataclass(frozen=True)
class Variant:
    """What differs between accounts that share a panel, terms and costs."""

    shorts: tuple[ShortSleeve, ...] = ()
    long_targets: Mapping[int, npt.NDArray[np.float64]] | None = None
    exposure: float | npt.ArrayLike = 1.0


@dataclass(frozen=True)
class Many:
    """Outcomes of many accounts: `nav` (n_variants, n_sessions) USD; `lines` (n_variants, len(LINES)) totals in USD;
    `traded` (n_variants,) USD bought and sold; `ruined` (n_variants,) session index or -1."""

    nav: Floats
    lines: Floats
    traded: Floats
    ruined: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Sleeve:
    name: str
    sign: float
    role: int
    targets: Mapping[int, npt.NDArray[np.float64]]
    short: ShortSleeve | None = None

    @property
    def borrows(self) -> bool:
        """Whether the shares are borrowed: short, and not by swap."""
        return self.sign < 0 and (self.short is None or self.short.swap is None)


@dataclass
class Desk:
    """What accounts on one panel share. Events of sleeves are kept by their targets object."""

    account: Account
    tape: Tape
    owed: Floats
    rates: Rates
    accruals: Accruals
    short_cap: Floats
    tradable: npt.NDArray[np.uint8]
    limited: bool
    linger: bool
    _kept: dict[tuple[int, ...], tuple[object, Events, tuple[Floats, Floats, Floats]]] = field(default_factory=dict)
    _split: dict[int, tuple[object, tuple[_Sleeve, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, account: Account) -> Desk:
        """Lay the account's panel and terms out by session and name."""
        marks = tape(account.panel, account.delistings, account.max_halt_sessions)
        shape = (len(account.panel.sessions), len(account.panel.tickers))
        if not account.initial_nav > 0:
            raise ConfigError(f"initial_nav: must be above 0, found {account.initial_nav}")
        terms = accruals(account.panel.sessions, account.financing)
        fee = over(account.borrow_fee, *shape, "borrow_fee", missing=True)
        rate = rates(account.costs, *shape)
        cap = over(account.short_cap_usd, *shape, "short_cap_usd")
        return cls(
            account=account,
            tape=marks,
            owed=borrow_accruals(fee, marks.price, terms.days),
            rates=rate,
            accruals=terms,
            short_cap=cap,
            tradable=np.where(marks.terminal, 2, marks.observed).astype(np.uint8),
            limited=bool(np.isfinite(account.costs.participation) or not np.isposinf(cap).all()),
            linger=bool(np.isfinite(account.costs.participation)),
        )

    def book(self, targets: Mapping[int, npt.NDArray[np.float64]]) -> tuple[_Sleeve, ...]:
        """The book as one sleeve, or two where it holds shorts of its own."""
        kept = self._split.get(id(targets))
        if kept is None:
            if any((np.asarray(w) < 0).any() for w in targets.values()):
                long = {t: np.maximum(w, 0.0) for t, w in targets.items()}
                short = {t: np.maximum(-np.asarray(w), 0.0) for t, w in targets.items()}
                sleeves: tuple[_Sleeve, ...] = (
                    _Sleeve(BOOK, 1.0, FUNDED, long),
                    _Sleeve(BOOK_SHORTS, -1.0, FUNDED, short),
                )
            else:
                sleeves = (_Sleeve(BOOK, 1.0, FUNDED, targets),)
            kept = self._split[id(targets)] = (targets, sleeves)
        return kept[1]

    def events(self, sleeve: _Sleeve) -> tuple[Events, tuple[Floats, Floats, Floats]]:
        """Events of a sleeve, and value, borrow and dividends of one unit of its shape by session."""
        from backtest.simulate.vbt import unit_series

        recalls = sleeve.short.recalls if sleeve.short is not None else None
        key = (id(sleeve.targets), id(recalls), int(sleeve.borrows))
        kept = self._kept.get(key)
        if kept is None:
            found = sleeve_events(sleeve.targets, self.tape, sleeve.name, recalls, self.linger)
            rows = (found.sessions, found.starts, found.names, found.units)
            nothing = np.zeros(len(self.tape.price))
            series = (
                unit_series(*rows, self.tape.price),
                unit_series(*rows, self.owed) if sleeve.borrows else nothing,
                unit_series(*rows, self.tape.dividend),
            )
            kept = self._kept[key] = ((sleeve.targets, recalls), found, series)
        return kept[1], kept[2]


def simulate(account: Account, desk: Desk | None = None) -> Simulation:
    """Run one account, following every name, with all its orders.

    Raises ``ConfigError`` on impossible terms and ``DataError`` where a price, fee or cost rate that is needed is
    missing. NAV at or below zero is not an error: the simulation says `ruined`.
    """
    from backtest.simulate import vbt

    desk = Desk.of(account) if desk is None else desk
    sleeves, arguments = _arguments(desk, Variant(account.shorts, account.long_targets, account.exposure))
    size = 4096
    while True:
        orders = vbt.order_buffer(size)
        out = _outputs(len(desk.tape.price), len(sleeves))
        status, n_orders, ruined, at = vbt.run_account(
            *arguments.positional, account.initial_nav, False, True, orders, out
        )
        if status != vbt.NEEDS_ROOM:
            break
        size *= 4
    _demand_fine(status, at, desk, sleeves)
    nav, cash, interest, margin, traded, value, gain, trading, dividends, borrow, rebate, held = out
    return Simulation(
        account=account, tape=desk.tape, sleeves=tuple(s.name for s in sleeves), sign=arguments.sign,
        nav=nav, cash=cash, value=value, gain=gain, trading=trading, dividends=dividends, borrow=borrow, rebate=rebate,
        interest=interest, margin=margin, traded=traded, held=held, records=orders[:n_orders].copy(),
        ruined=None if ruined < 0 else int(ruined),
    )  # fmt: skip


def simulate_many(account: Account, variants: Sequence[Variant], workers: int = 1, desk: Desk | None = None) -> Many:
    """Run many accounts on one panel. `account` gives panel, terms, costs and the default book.

    Same numbers as `simulate` to rounding. Variants whose sleeves hold the very same targets objects share the work of
    laying them out. With `workers` threads the result is the same bytes.
    """
    from backtest.simulate import vbt

    desk = Desk.of(account) if desk is None else desk
    n_sessions = len(desk.tape.price)
    nav = np.empty((len(variants), n_sessions))
    lines = np.empty((len(variants), len(LINES)))
    traded = np.empty(len(variants))
    ruined = np.empty(len(variants), dtype=np.int64)
    prepared = [_arguments(desk, v) for v in variants]

    def run(chunk: range) -> None:
        unkept = vbt.order_buffer(1)
        for k in chunk:
            sleeves, arguments = prepared[k]
            out = _outputs(n_sessions, len(sleeves))
            for proportional in (arguments.proportional, False):
                for array in out:
                    array.fill(0.0)
                status, _, ruined[k], at = vbt.run_account(
                    *arguments.positional, account.initial_nav, proportional, False, unkept, out
                )
                if status != vbt.NEEDS_POSITIONS:
                    break
            _demand_fine(status, at, desk, sleeves)
            nav[k] = out[0]
            lines[k], traded[k] = _totals(out, arguments.sign)

    chunks = [range(w, len(variants), max(1, workers)) for w in range(max(1, workers))]
    if len(chunks) == 1:
        run(chunks[0])
    else:
        with ThreadPoolExecutor(len(chunks)) as pool:
            list(pool.map(run, chunks))
    return Many(nav, lines, traded, ruined)


@dataclass(frozen=True)
class _Arguments:
    positional: tuple[object, ...]
    sign: Floats
    proportional: bool


def _arguments(desk: Desk, variant: Variant) -> tuple[tuple[_Sleeve, ...], _Arguments]:
    account = desk.account
    n_sessions = len(desk.tape.price)
    book = desk.book(account.long_targets if variant.long_targets is None else variant.long_targets)
    sleeves = book + tuple(_Sleeve(s.name, -1.0, RATIO, s.targets, s) for s in variant.shorts)
    if len({s.name for s in sleeves}) < len(sleeves):
        raise ConfigError(f"sleeves need different names, found {[s.name for s in sleeves]}")
    found = [desk.events(s) for s in sleeves]
    events = [e for e, _ in found]
    offsets = np.concatenate([[0], np.cumsum([len(e.names) for e in events])])
    starts = np.concatenate(
        [np.array([0], dtype=np.int64)] + [e.starts[1:] + o for e, o in zip(events, offsets[:-1], strict=True)]
    )
    sign = np.array([s.sign for s in sleeves])
    joined = (
        sign,
        np.array([s.role for s in sleeves], dtype=np.int64),
        np.concatenate([[0], np.cumsum([len(e.sessions) for e in events])]).astype(np.int64),
        np.concatenate([e.sessions for e in events]),
        np.concatenate([e.kind for e in events]),
        np.concatenate([e.total for e in events]),
        starts,
        np.concatenate([e.names for e in events]),
        np.concatenate([e.units for e in events]),
    )
    series = tuple(np.column_stack([u[k] for _, u in found]) for k in range(3))
    ratio = np.full((n_sessions, len(sleeves)), np.nan)
    refresh = np.zeros((n_sessions, len(sleeves)), dtype=np.bool_)
    rebate = np.repeat(desk.accruals.rebate[:, None], len(sleeves), axis=1)
    reset = np.zeros(len(sleeves), dtype=np.bool_)
    for s, sleeve in enumerate(sleeves):
        if sleeve.short is not None:
            ratio[:, s] = _ratio(sleeve.short, n_sessions)
            if sleeve.short.refresh is not None:
                refresh[:, s] = sleeve.short.refresh
            if sleeve.short.swap is not None:
                rebate[:, s] = swap_accruals(account.panel.sessions, account.financing, sleeve.short.swap)
                reset[s] = sleeve.short.swap.reset == "event"
    exposure = np.ascontiguousarray(over(variant.exposure, n_sessions, 1, "exposure")[:, 0])
    market = (desk.tape.price, desk.tape.dividend, desk.owed, desk.tradable)
    borrows = np.array([s.borrows for s in sleeves])
    terms = (desk.accruals.credit, desk.accruals.debit, rebate, reset, borrows)
    rate = desk.rates
    limits = (rate.limit, desk.short_cap, account.costs.work_sessions if desk.linger else 0, desk.limited)
    return sleeves, _Arguments(
        positional=(
            market,
            joined,
            series,
            (ratio, refresh, exposure),
            terms,
            (rate.buy, rate.sell, rate.impact),
            limits,
        ),
        sign=sign,
        proportional=not desk.linger and not any(e.stuck for e in events),
    )


def _ratio(short: ShortSleeve, n_sessions: int) -> Floats:
    ratio = np.asarray(short.ratio, dtype=np.float64)
    if ratio.ndim == 0:
        ratio = np.full(n_sessions, float(ratio))
    if ratio.shape != (n_sessions,) or (ratio < 0).any() or np.isinf(ratio).any():
        raise ConfigError(
            f"{short.name}: the hedge ratio must be one number, or {n_sessions} by session, each 0 or more "
            "(h > 0 shorts; NaN holds)"
        )
    return ratio


def _outputs(n_sessions: int, n_sleeves: int) -> tuple[Floats, ...]:
    return tuple(np.zeros(n_sessions) for _ in range(5)) + tuple(np.zeros((n_sessions, n_sleeves)) for _ in range(7))


def _totals(out: tuple[Floats, ...], sign: Floats) -> tuple[Floats, float]:
    _, _, interest, margin, traded, _, gain, trading, dividends, borrow, rebate, _ = out
    gain, dividends = gain.sum(axis=0), dividends.sum(axis=0)
    long, short = sign > 0, sign < 0
    totals = [
        gain[long].sum(), gain[short].sum(), trading.sum(), borrow.sum(), dividends[long].sum(), dividends[short].sum(),
        rebate.sum(), interest.sum(), margin.sum(),
    ]  # fmt: skip
    return np.array(totals), float(traded.sum())


def _demand_fine(status: int, at: int, desk: Desk, sleeves: Sequence[_Sleeve]) -> None:
    from backtest.simulate import vbt

    if status == vbt.FINE:
        return
    day = desk.account.panel.sessions[at].date()
    if status == vbt.NOT_FINITE:
        raise DataError(
            f"{day}: a borrow fee, cost rate or volume of a name that is held or traded is missing "
            f"(sleeves {', '.join(s.name for s in sleeves)}); fill it or leave the name out"
        )
    raise DataError(f"{day}: vectorbt did not fill an order as sized (status {status})")
