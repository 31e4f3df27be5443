"""The same work done by three hands, each in a process of its own: our engine, plain daily vectorbt, and `bt`.

1. The work: a planted market; a book of equal weights and a basket of equal weights with a quarter replaced each
   quarter; variants differ in the hedge ratio.
2. `engine`: the accounts at full cost: spreads, commission, borrow, dividends, rebate and interest accrued daily.
3. `plain_vectorbt`: `from_orders` on daily rows x (variants x names), target percents, fees; it knows no carry.
4. `plain_bt`: one variant with `bt`, without costs.
5. Each also runs without any friction, so that the NAVs can be compared: there all three must agree.

Each uses one core, and what is compared is that core's time (user and system), which a busy machine inflates least.

Which engine of vectorbt: numba. Its Rust engine (`vectorbt-rust` 1.2) offers whole simulations only, no single order
that a loop of ours could call between accruals, so it cannot carry borrow, rebate and margin day by day. Where both can
be used, on plain daily rows, a variant of this work took 533 ms with numba and 553 with Rust (five side by side, the
best of four in one run), for the same order records to the bit; the event-row loop with all carry, on numba, takes half
a millisecond. `bench` sets numba, which a plain installation has, beside ours, and `vectorbt_rust_ms` too where the
wheel is there.
"""

from __future__ import annotations

import functools
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pandas as pd

from backtest.planted import planted_panel, planted_targets
from backtest.simulate import Account, Costs, Desk, Financing, ShortSleeve, Variant, simulate, simulate_many

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.simulate.account import Targets

QUARTER: Final = 63  # sessions
YEAR: Final = 252
HIGHEST_RATIO: Final = 1.2
STREAMED_BYTES: Final = 256 * 2**20  # far larger than any cache
PASSES: Final = 8  # over as much, for as long as a hundred variants take

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Work:
    """Size of the task."""

    years: int = 10
    names: int = 500
    held_long: int = 50
    held_short: int = 75
    seed: int = 7

    @property
    def bytes_of_prices(self) -> int:
        return self.years * YEAR * self.names * 8


def account_of(work: Work) -> Account:
    """The account with everything a short costs."""
    rng = np.random.default_rng(work.seed)
    panel = planted_panel(work.seed, work.years * YEAR, work.names)
    half = min(work.held_long, work.names // 2)
    book = planted_targets(work.seed, panel, range(half), half, QUARTER)
    short = min(work.held_short, work.names - half)
    basket = planted_targets(work.seed + 1, panel, range(half, work.names), short, QUARTER)
    return Account(
        panel,
        book,
        (ShortSleeve("basket", basket, 0.5),),
        costs=Costs(half_spread=rng.uniform(1e-4, 1e-3, (1, work.names)), commission=0.5e-4),
        financing=Financing(benchmark=0.03, rebate_spread=0.0035, debit_spread=0.005),
        borrow_fee=rng.uniform(0.003, 0.05, (work.years * YEAR, work.names)),
    )


def frictionless(account: Account) -> Account:
    """The same trades without costs, carry or dividends: what every simulator can express."""
    panel = replace(account.panel, dividend=np.zeros_like(account.panel.dividend))  # type: ignore[type-var]
    return replace(account, panel=panel, costs=Costs(), financing=Financing(), borrow_fee=0.0)


def ratios(n_variants: int) -> Floats:
    return np.linspace(0.0, HIGHEST_RATIO, n_variants + 1)[1:]


def variants_of(account: Account, n_variants: int) -> list[Variant]:
    return [Variant((replace(account.shorts[0], ratio=float(h)),)) for h in ratios(n_variants)]


def engine(work: Work, n_variants: int, repeats: int = 5) -> dict[str, object]:
    """Time per variant with laying out the sleeves, the panel's layout apart; NAV without friction.

    Passes over memory are timed in turn with it, for as long, so that both meet the same machine.
    """
    account = account_of(work)
    variants = variants_of(account, n_variants)
    simulate_many(account, variants[:1])  # compiled code is loaded before the clock starts
    began = time.process_time()
    desk = Desk.of(account)
    laid_out = time.process_time() - began
    simulate_many(account, variants, desk=desk)
    peak = peak_mb()
    block = np.ones(STREAMED_BYTES // 8)
    taken, passes = [], []
    for _ in range(repeats):
        fresh = Desk.of(account)
        taken.append(_time(functools.partial(simulate_many, account, variants, desk=fresh)))
        passes.append(_time(lambda: [block.sum() for _ in range(PASSES)]) / PASSES)
    bare = frictionless(account)
    one = min(_time(lambda: simulate(account, desk)) for _ in range(repeats))
    return {
        "ms": min(taken) / n_variants * 1e3,
        "pass_ms": min(passes) * 1e3 * work.bytes_of_prices / STREAMED_BYTES,
        "layout_ms": laid_out * 1e3,
        "single_ms": (one + laid_out) * 1e3,
        "peak_mb": peak,
        "nav": simulate_many(bare, variants_of(bare, 1)).nav[0],
        "n_variants": n_variants,
    }


def plain_vectorbt(work: Work, n_variants: int, engine: str = "numba", repeats: int = 2) -> dict[str, object]:
    """`from_orders` as its documentation suggests it: daily rows, all variants side by side."""
    from backtest.simulate.vbt import vbt

    account = account_of(work)
    close = np.asarray(account.panel.close)
    n_names = close.shape[1]
    fees = np.broadcast_to(np.asarray(account.costs.half_spread) + np.asarray(account.costs.commission), (1, n_names))

    def run(hs: Floats, fee: Floats | float) -> Floats:
        wide = np.tile(close, len(hs))
        weights = np.concatenate([_weights(account, float(h)) for h in hs], axis=1)
        columns = pd.MultiIndex.from_product([hs, account.panel.tickers], names=["h", "ticker"])
        fee_row = np.tile(fee, len(hs)) if isinstance(fee, np.ndarray) else fee
        portfolio = vbt.Portfolio.from_orders(
            pd.DataFrame(wide, index=account.panel.sessions, columns=columns),
            size=weights, size_type="targetpercent", direction="both", cash_sharing=True, group_by="h",
            call_seq="auto", init_cash=1e8, fees=fee_row, freq="1D", engine=engine,
            max_orders=(len(account.long_targets) + 1) * n_names * len(hs),
        )  # fmt: skip
        return np.atleast_2d(portfolio.value().to_numpy().T)

    nav = run(ratios(1), 0.0)[0]  # also loads compiled code
    taken = min(_time(lambda: run(ratios(n_variants), fees)) for _ in range(repeats))
    return {"ms": taken / n_variants * 1e3, "peak_mb": peak_mb(), "nav": nav, "n_variants": n_variants}


def plain_bt(work: Work) -> dict[str, object]:
    """One variant with `bt`, without costs."""
    import bt

    account = frictionless(account_of(work))
    close = pd.DataFrame(np.asarray(account.panel.close), index=account.panel.sessions, columns=account.panel.tickers)
    weights = pd.DataFrame(_weights(account, float(ratios(1)[0])), index=close.index, columns=close.columns)
    weights = weights[weights.notna().all(axis=1)]

    def run() -> Floats:
        strategy = bt.Strategy(
            "hedged", [bt.algos.RunOnDate(*weights.index), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
        )
        test = bt.Backtest(strategy, close, initial_capital=1e8, integer_positions=False, progress_bar=False)
        bt.run(test, progress_bar=False)
        values: Floats = test.strategy.values.reindex(close.index).to_numpy()
        return values

    began = time.process_time()
    nav = run()
    return {"ms": (time.process_time() - began) * 1e3, "peak_mb": peak_mb(), "nav": nav, "n_variants": 1}


def screens_by_ratios(work: Work, n_screens: int, n_ratios: int, workers: int) -> dict[str, object]:
    """Accounts of many baskets at many ratios, with their figures; baskets drawn beforehand. Threads share them."""
    from backtest.evaluate.performance import performance_of_many

    account = account_of(work)
    pool = range(work.names // 10, work.names)
    held = min(work.held_short, len(pool))
    baskets = [planted_targets(work.seed + 10 + k, account.panel, pool, held, QUARTER) for k in range(n_screens)]
    sessions = account.panel.sessions
    market = pd.Series(np.nanmean(np.diff(np.log(np.asarray(account.panel.close)), axis=0), axis=1), index=sessions[1:])
    riskless = pd.Series(0.03 / YEAR, index=sessions)
    simulate_many(account, variants_of(account, 1))  # compiled code is loaded before the clock starts
    desk = Desk.of(account)

    def figures(basket: Targets) -> Floats:
        variants = [Variant((ShortSleeve("basket", basket, float(h)),)) for h in ratios(n_ratios)]
        many = simulate_many(account, variants, desk=desk)
        table: Floats = performance_of_many(many.nav, sessions, riskless, market).to_numpy()
        return table

    began, spent = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(workers) as threads:
        tables = list(threads.map(figures, baskets))
    return {
        "variants": n_screens * n_ratios,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - spent,
        "peak_mb": peak_mb(),
        "figures": np.concatenate(tables),
    }


def daily_portfolio_error(work: Work) -> float:
    """The engine's NAV with all costs and carry against its full daily vectorbt portfolio."""
    from backtest.simulate.daily import daily_error

    return daily_error(simulate(account_of(work)))


def apart(function: Callable[..., Outcome], *arguments: object) -> Outcome:
    """Call in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)


def _weights(account: Account, ratio: float) -> Floats:
    """Signed weights of NAV on rebalance rows, 0 for every name not held there; NaN on the others."""
    n_sessions, n_names = np.asarray(account.panel.close).shape
    short: Mapping[int, Floats] = account.shorts[0].targets
    size = np.full((n_sessions, n_names), np.nan)
    for t, w in account.long_targets.items():
        size[t] = w - ratio * short[t]
    return size


def _time(call: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    call()
    return time.process_time() - began
