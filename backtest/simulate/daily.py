"""The account as a full daily `vectorbt.Portfolio`: for reports and notebooks, and as a second opinion on the NAV.

1. One column a (sleeve, ticker) ever traded, in carried shares, with the engine's orders and fees; plus one column
   `financing`, whose price is always 1.
2. Carry has no name in vectorbt: each session a millionth of a `financing` unit is bought with a fixed fee of minus
   the session's carry, so that dividends, borrow, rebate and interest reach the cash of every vectorbt metric.
3. vectorbt clips buys to cash. A short position in `financing`, opened at the first session, is the credit line: it
   adds cash and owes the same, so that a margin debit needs no clipping and NAV is untouched.
4. `value()` is the engine's NAV to rounding. Trade statistics include the financing column's small orders; select the
   other columns for them.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import vectorbt

    from backtest.simulate.simulation import Simulation

FINANCING: Final = "financing"
TOKEN: Final = 1e-6  # units of the financing column that carry a session's fee


def daily_portfolio(simulation: Simulation, engine: str = "auto") -> vectorbt.Portfolio:
    """A grouped, cash-sharing portfolio whose `value()` equals the simulation's NAV.

    `engine` as in vectorbt: 'auto' takes the Rust engine where its wheel is installed, else numba; both give the same
    bits.
    """
    from backtest.simulate.vbt import vbt

    positions = simulation.positions(carried=True)
    n_sessions, n_columns = positions.shape
    records = simulation.records
    columns, at = np.unique(records["col"], return_inverse=True)
    name = columns % len(simulation.tickers)
    close = np.ones((n_sessions, n_columns + 1))
    close[:, :n_columns] = simulation.tape.price[:, name]
    unborn = close <= 0.0
    close[unborn] = np.broadcast_to(close.max(axis=0), close.shape)[unborn]

    size = np.full(close.shape, np.nan)
    fees = np.zeros(close.shape)
    signed = np.where(records["side"] == 0, records["size"], -records["size"])
    size[records["idx"], at] = signed
    fees[records["idx"], at] = records["fees"]
    if simulation.ruined is not None:
        # Whatever was held at the ruin is closed at that close, without cost: what the engine's NAV says.
        held = positions.to_numpy()[simulation.ruined - 1]
        size[simulation.ruined, :n_columns] = np.where(held != 0, -held, np.nan)
    carry = simulation.lines.drop(columns=["long", "short", "trading"]).sum(axis=1).to_numpy()
    size[1:, -1] = TOKEN
    fees[1:, -1] = -carry[1:]
    line = 4.0 * simulation.traded.max(initial=0.0) + 2.0 * np.abs(simulation.value).sum(axis=1).max()
    size[0, -1] = -(line + 2.0 * max(0.0, -simulation.cash.min()) + simulation.account.initial_nav)
    frame = pd.DataFrame(
        close,
        index=simulation.sessions,
        columns=positions.columns.append(pd.MultiIndex.from_tuples([(FINANCING, "cash")], names=["sleeve", "ticker"])),
    )
    return vbt.Portfolio.from_orders(
        frame,
        size=size,
        fixed_fees=fees,
        size_type="amount",
        direction="both",
        group_by=True,
        cash_sharing=True,
        init_cash=simulation.account.initial_nav,
        call_seq="reversed",  # the financing column first
        max_orders=len(records) + 2 * n_sessions + n_columns,
        freq="1D",
        engine=engine,
    )


def daily_engine() -> str:
    """Which of vectorbt's engines 'auto' takes here: `rust` where its wheel of the same version is installed."""
    try:
        versions = [version(name).split(".")[:2] for name in ("vectorbt", "vectorbt-rust")]
    except PackageNotFoundError:
        return "numba"
    return "rust" if versions[0] == versions[1] else "numba"


def daily_error(simulation: Simulation, engine: str = "auto") -> float:
    """Largest relative difference, on any session, of the daily portfolio's value from the simulation's NAV."""
    value = daily_portfolio(simulation, engine).value().to_numpy()
    end = len(value) if simulation.ruined is None else simulation.ruined
    return float(np.max(np.abs(value[:end] / simulation.nav[:end] - 1.0), initial=0.0))
