"""From arrays to a finished account, and to many at once.

1. The desk holds what accounts on one panel share; a variant is sleeves, ratios and an exposure.
2. `simulate` follows every name and keeps the orders.
3. `simulate_many` uses one number per sleeve and day wherever positions stay proportional to their shape, and falls
   back to following names where they do not. Threads share the work; the result is the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Floats, over
from backtest.simulate import driven
from backtest.simulate.account import Account, ShortSleeve, Targets
from backtest.simulate.desk import Desk, Layout, Sleeve, short_sleeves
from backtest.simulate.simulation import LINES, Simulation
from market.errors import ConfigError, DataError


@dataclass(frozen=True)
class Variant:
    """What differs between accounts that share a panel, terms and costs."""

    shorts: tuple[ShortSleeve, ...] = ()
    long_targets: Targets | None = None
    exposure: float | npt.ArrayLike = 1.0


@dataclass(frozen=True)
class Many:
    """Outcomes of many accounts.

    nav     (n_variants, n_sessions) USD
    lines   (n_variants, len(LINES)) totals in USD
    traded  (n_variants,) USD bought and sold
    ruined  (n_variants,) session index or -1
    """

    nav: Floats
    lines: Floats
    traded: Floats
    ruined: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Job:
    """One account, ready for the driver."""

    sleeves: tuple[Sleeve, ...]
    layout: Layout
    before_nav: driven.Arguments


def simulate(account: Account, desk: Desk | None = None) -> Simulation:
    """Run one account, following every name, with all its orders.

    Raises ``ConfigError`` on impossible terms and ``DataError`` where a price, fee or cost rate that is needed is
    missing. NAV at or below zero is not an error: the simulation says `ruined`.
    """
    from backtest.simulate import vbt

    desk = Desk.of(account) if desk is None else desk
    job = _job(desk, Variant(account.shorts, account.long_targets, account.exposure))
    n_sessions, n_sleeves = len(desk.tape.price), len(job.sleeves)
    size = 4096
    while True:
        orders = vbt.order_buffer(size)
        out = _outputs(n_sessions, n_sleeves)
        status, n_orders, ruined, at = vbt.run_account(
            *(*job.before_nav, account.initial_nav, False, True, orders, out, np.zeros((vbt.N_TOTALS, n_sleeves))),
        )
        if status != vbt.NEEDS_ROOM:
            break
        size *= 4
    _demand_fine(status, at, desk, job.sleeves)
    nav, cash, interest, margin, traded, required, called, *by_sleeve = out
    value, gain, trading, dividends, borrow, rebate, held = by_sleeve
    return Simulation(
        account=account, tape=desk.tape, sleeves=tuple(s.name for s in job.sleeves), sign=job.layout.sign,
        nav=nav, cash=cash, value=value, gain=gain, trading=trading, dividends=dividends, borrow=borrow, rebate=rebate,
        interest=interest, margin=margin, traded=traded, required=required, called=called > 0, held=held,
        records=orders[:n_orders].copy(), ruined=None if ruined < 0 else int(ruined),
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
    margined = desk.margin[4]

    def run(first: int, step: int) -> None:
        orders = vbt.order_buffer(0)
        spare = np.zeros(n_sessions if margined else 1)
        for k in range(first, len(variants), step):
            job = _job(desk, variants[k])
            n_sleeves = len(job.sleeves)
            unread = (np.zeros((1, n_sleeves)),) * 7
            for proportional in (job.layout.proportional, False):
                totals = np.zeros((vbt.N_TOTALS, n_sleeves))
                out = (nav[k], np.zeros(1), spare, spare, spare, spare, spare, *unread)
                status, _, ruined[k], at = vbt.run_account(
                    *(*job.before_nav, account.initial_nav, proportional, False, orders, out, totals),
                )
                if status != vbt.NEEDS_POSITIONS:
                    break
            _demand_fine(status, at, desk, job.sleeves)
            lines[k], traded[k] = _totals(totals, job.layout.sign)

    n_workers = max(1, min(workers, len(variants)))
    if n_workers == 1:
        run(0, 1)
    else:
        with ThreadPoolExecutor(n_workers) as pool:
            list(pool.map(run, range(n_workers), [n_workers] * n_workers))
    return Many(nav, lines, traded, ruined)


def _sleeves(desk: Desk, variant: Variant) -> tuple[Sleeve, ...]:
    book = desk.account.long_targets if variant.long_targets is None else variant.long_targets
    return desk.book(book) + short_sleeves(variant.shorts)


def _job(desk: Desk, variant: Variant) -> _Job:
    account = desk.account
    n_sessions = len(desk.tape.price)
    sleeves = _sleeves(desk, variant)
    if len({s.name for s in sleeves}) < len(sleeves):
        raise ConfigError(f"sleeves need different names, found {[s.name for s in sleeves]}")
    layout = desk.layout(sleeves)
    ratio = np.full((n_sessions, len(sleeves)), np.nan)
    refresh = np.zeros((n_sessions, len(sleeves)), dtype=np.bool_)
    busy = layout.eventful.copy()
    for s, sleeve in enumerate(sleeves):
        if sleeve.short is not None:
            at, values = _changes(sleeve.short, n_sessions)
            ratio[at, s] = values
            busy[at] = True
            if sleeve.short.refresh is not None:
                refresh[:, s] = sleeve.short.refresh
                busy |= refresh[:, s]
    exposure = np.ascontiguousarray(over(variant.exposure, n_sessions, 1, "exposure")[:, 0])
    rate = desk.rates
    return _Job(
        sleeves,
        layout,
        (
            (desk.tape.price, desk.tape.dividend, desk.owed, desk.tradable),
            layout.sleeves,
            layout.rows,
            layout.series,
            (ratio, refresh, exposure),
            busy,
            layout.terms,
            (rate.buy, rate.sell, rate.impact),
            (
                rate.limit,
                desk.short_cap,
                account.costs.work_sessions if desk.limited else 0,
                desk.limited,
            ),
            desk.margin,
        ),
    )


def _changes(short: ShortSleeve, n_sessions: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Sessions at which the ratio changes, and what to."""
    ratio = np.asarray(short.ratio, dtype=np.float64)
    given = np.atleast_1d(ratio)
    at = np.flatnonzero(~np.isnan(given))
    values = given[at] if given.ndim == 1 else given
    if ratio.shape not in ((), (n_sessions,)) or not ((values >= 0) & (values < np.inf)).all():
        raise ConfigError(
            f"{short.name}: the hedge ratio must be one number, or {n_sessions} by session, each 0 or more "
            "(h > 0 shorts; NaN holds)"
        )
    new = np.ones(len(at), dtype=np.bool_)
    new[1:] = values[1:] != values[:-1]
    return at[new], values[new]


def _outputs(n_sessions: int, n_sleeves: int) -> tuple[Floats, ...]:
    return tuple(np.zeros(n_sessions) for _ in range(7)) + tuple(np.zeros((n_sessions, n_sleeves)) for _ in range(7))


def _totals(totals: Floats, sign: Floats) -> tuple[list[float], float]:
    gain, trading, dividends, borrow, rebate, traded, interest, margin = totals.tolist()
    long = [k for k, s in enumerate(sign.tolist()) if s > 0]
    short = [k for k, s in enumerate(sign.tolist()) if s < 0]
    return [
        sum(gain[k] for k in long), sum(gain[k] for k in short), sum(trading), sum(borrow),
        sum(dividends[k] for k in long), sum(dividends[k] for k in short), sum(rebate), interest[0], margin[0],
    ], sum(traded)  # fmt: skip


def _demand_fine(status: int, at: int, desk: Desk, sleeves: Sequence[Sleeve]) -> None:
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
