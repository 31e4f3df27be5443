"""Planted markets: random prices with splits, dividends, halts and delistings, for the benchmark and for proofs.

1. Log returns share one market factor; names start, halt and end at random sessions.
2. Dividends and splits are placed so that the close as traded falls by them.
3. The same seed gives the same market, and a longer one begins with the shorter one's sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from backtest.broadcast import Floats
from backtest.carry import Financing, Swap
from backtest.costs import Costs
from backtest.margin import portfolio_margin, regulation_t
from backtest.simulate.account import Account, ShortSleeve
from backtest.simulate.sleeves import Recalls
from backtest.simulate.tape import Delistings, Panel


@dataclass(frozen=True)
class PlantedPanel:
    """Prices as `market.PricePanel` gives them, (n_sessions, n_assets), as traded."""

    sessions: pd.DatetimeIndex
    tickers: pd.Index
    close: Floats
    dividend: Floats
    split: Floats


def planted_panel(
    seed: int,
    n_sessions: int,
    n_assets: int,
    *,
    start: str = "2015-01-02",
    halts: float = 0.0,
    endings: float = 0.0,
    splits: float = 0.0,
    dividends: float = 1 / 63,
    volatility: float = 0.02,
) -> PlantedPanel:
    """A random market. `halts`, `splits`, `dividends` are chances per name and session, `endings` per name."""
    rng = np.random.default_rng(seed)
    sessions = pd.DatetimeIndex(pd.bdate_range(start, periods=n_sessions).astype("datetime64[ns]"))
    draw = rng.standard_normal((n_sessions, n_assets + 1))
    market = 0.0003 + 0.5 * volatility * draw[:, :1]
    returns = market * rng.uniform(0.5, 1.5, n_assets) + volatility * draw[:, 1:]
    dividend_yield = np.where(rng.random((n_sessions, n_assets)) < dividends, 0.004, 0.0)
    split = np.where(
        rng.random((n_sessions, n_assets)) < splits, rng.choice([2.0, 3.0, 0.1, 1.5], (n_sessions, n_assets)), 1.0
    )
    split[0] = 1.0
    dividend_yield[0] = 0.0
    carried = rng.uniform(5.0, 400.0, n_assets) * np.exp(np.cumsum(returns, axis=0))
    close = carried * np.cumprod(1.0 - dividend_yield, axis=0) / np.cumprod(split, axis=0)
    dividend = close * dividend_yield
    gap = rng.random((n_sessions, n_assets)) < halts
    length = rng.integers(1, 9, (n_sessions, n_assets))
    for t, i in np.argwhere(gap):
        close[t : t + length[t, i], i] = np.nan
    ended = np.flatnonzero(rng.random(n_assets) < endings)
    for i in ended:
        close[int(rng.integers(2, max(3, n_sessions))) :, i] = np.nan
    return PlantedPanel(sessions, pd.Index([f"N{i:04d}" for i in range(n_assets)]), close, dividend, split)


def planted_delistings(panel: PlantedPanel, seed: int, known: float = 0.7) -> Delistings:
    """Announced last sessions for a share of the names that end, with random delisting returns."""
    rng = np.random.default_rng(seed)
    n_sessions, n_assets = panel.close.shape
    seen = np.isfinite(panel.close)
    last = np.where(seen.any(axis=0), n_sessions - 1 - np.argmax(seen[::-1], axis=0), -1)
    day = np.full(n_assets, np.datetime64("NaT", "ns"))
    for i in np.flatnonzero((last >= 0) & (last < n_sessions - 1)):
        if rng.random() < known:
            day[i] = panel.sessions[last[i]].to_datetime64()
    payout = rng.choice([0.0, -0.3, -1.0, 0.4, -0.55], n_assets)
    return Delistings(day, payout)


def planted_targets(
    seed: int,
    panel: Panel,
    names: range | list[int],
    hold: int,
    every: int,
    change: float = 0.25,
    start: int = 0,
) -> dict[int, Floats]:
    """Equal weights of `hold` of `names`, rebalanced each `every` sessions with a share of `change` replaced."""
    rng = np.random.default_rng(seed)
    pool = np.array(list(names))
    chosen = rng.permutation(pool)[:hold]
    targets: dict[int, Floats] = {}
    for t in range(start, len(panel.sessions), every):
        if t > start and hold < len(pool):
            new = rng.permutation(np.setdiff1d(pool, chosen))[: max(1, round(change * hold))]
            chosen = chosen.copy()
            chosen[rng.permutation(hold)[: len(new)]] = new
        weights = np.zeros(panel.close.shape[1])
        weights[chosen] = 1.0 / hold
        targets[t] = weights
    return targets


def planted_account(seed: int, *, limits: bool = True, n_sessions: int | None = None) -> Account:
    """A random account: book, basket and index short, splits, halts, endings, costs, fees, rates, swaps, limits."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 120)) if n_sessions is None else n_sessions
    k = int(rng.integers(8, 25))
    panel = planted_panel(
        seed, n, k,
        halts=rng.choice([0.0, 0.02]), endings=rng.choice([0.0, 0.3]), splits=rng.choice([0.0, 0.01]),
        dividends=rng.choice([0.0, 0.03]), volatility=rng.choice([0.02, 0.05]),
    )  # fmt: skip
    # The last name never stops: an index.
    panel.close[:, -1] = pd.Series(panel.close[:, -1]).ffill().bfill().fillna(50.0)
    panel.split[:, -1] = 1.0
    every, start = int(rng.integers(5, 25)), int(rng.integers(0, 5))
    book = planted_targets(seed, panel, range(k // 2), max(3, k // 4), every, start=start)
    if rng.random() < 0.3:
        for t, w in book.items():
            book[t] = w - 0.2 * np.eye(k)[-1]  # a book with a short of its own
    basket = planted_targets(
        seed + 1, panel, range(k // 4, k), max(3, k // 3), int(rng.integers(5, 25)), start=int(rng.integers(0, 9))
    )
    index = {0: np.eye(k)[-1]}
    ratio = np.where(rng.random(n) < 0.1, rng.uniform(0.0, 1.2, n), np.nan)
    swap = Swap(0.004, 0.2, 0.01, str(rng.choice(["event", "daily"]))) if rng.random() < 0.3 else None
    costs = Costs(half_spread=rng.uniform(0.0, 3e-3, k)[None, :], commission=1e-4, sell_fee=2e-5)
    cap: float | Floats = np.inf
    if limits and rng.random() < 0.6:
        costs = replace(
            costs,
            impact=float(rng.choice([0.0, 1.0])),
            volatility=rng.uniform(0.01, 0.04, (n, k)),
            adv_usd=rng.uniform(1e6, 1e9, (1, k)),
            participation=float(rng.choice([0.1, 0.02, np.inf])),
            work_sessions=int(rng.integers(0, 4)),
        )
        cap = float(rng.choice([np.inf, 3e6]))
    recalls = Recalls(rng.random((n, k)) < 0.02, int(rng.integers(1, 15))) if rng.random() < 0.3 else None
    margin = None
    if limits and rng.random() < 0.3:
        margin = regulation_t(panel.close) if rng.random() < 0.5 else portfolio_margin(np.arange(k) == k - 1, 0.3)
    if limits and rng.random() < 0.2:  # bans and locates, by session and name
        cap = np.where(rng.random((n, k)) < 0.3, rng.choice([0.0, 2e6], (n, k)), np.inf)
        costs = replace(costs, work_sessions=int(rng.integers(0, 4)))
    return Account(
        panel=panel,
        margin=margin,
        long_targets=book,
        shorts=(
            ShortSleeve("basket", basket, ratio, swap=swap, recalls=recalls),
            ShortSleeve("index", index, 0.2, refresh=rng.random(n) < 0.1),
        ),
        costs=costs,
        financing=Financing(
            benchmark=rng.uniform(0.0, 0.06, (n, 1)), rebate_spread=0.003, credit_spread=0.001, debit_spread=0.01,
            settlement=str(rng.choice(["trade", "standard"])),
        ),
        borrow_fee=rng.uniform(0.003, 0.5, (n, k)),
        exposure=float(rng.choice([1.0, 1.3, 0.8])),
        delistings=planted_delistings(panel, seed),
        short_cap_usd=cap,
    )  # fmt: skip
