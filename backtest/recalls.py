"""Lenders that call their shares back: seeded, off by default.

1. Each name and session is recalled with a chance: `hazard` where the fee known the evening before marks a special,
   a tenth of it otherwise.
2. Whoever is short is bought in at that session's close and may not short the name again for `lock_sessions`.
3. The draw depends on the seed, the ticker and the date only: not on the other names, nor on how far the data reach.

Source: D'Avolio (2002), "The Market for Borrowing Stock", J. Financial Economics 66: about 2 % of loans recalled a
month, and a mean of 23 trading days before the name is on loan again.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import pandas as pd

from backtest.broadcast import Floats, Varying, over
from backtest.simulate.sleeves import Recalls

HAZARD: Final = 0.02 / 21  # 2 % a month, by session
GENERAL_COLLATERAL: Final = 0.1  # of the hazard of a special
SPECIAL_FEE: Final = 0.02  # a year: hard to borrow from 200 bp
LOCK_SESSIONS: Final = 23


def seeded_recalls(
    sessions: pd.DatetimeIndex,
    tickers: pd.Index,
    borrow_fee: Varying,
    seed: int,
    hazard: float = HAZARD,
    special_fee: float = SPECIAL_FEE,
    lock_sessions: int = LOCK_SESSIONS,
    general_collateral: float = GENERAL_COLLATERAL,
) -> Recalls:
    """Recalls of every name and session. `borrow_fee` is decimal a year; a missing one counts as general collateral."""
    fee = over(borrow_fee, len(sessions), len(tickers), "borrow_fee", missing=True)
    special = np.vstack([fee[:1] >= special_fee, fee[:-1] >= special_fee])
    chance = np.where(special, hazard, general_collateral * hazard)
    return Recalls(_uniform(sessions, tickers, seed) < chance, lock_sessions)


def _uniform(sessions: pd.DatetimeIndex, tickers: pd.Index, seed: int) -> Floats:
    """A number in [0, 1) for each session and ticker that depends on nothing else."""
    days = sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    out = np.empty((len(sessions), len(tickers)))
    for k, ticker in enumerate(tickers):
        key = int.from_bytes(blake2b(f"{seed}|{ticker}".encode(), digest_size=16).digest())
        # One step of the counter gives four numbers: use the first of each day's step.
        draws = np.random.Generator(np.random.Philox(key=key).advance(int(days[0])))
        out[:, k] = draws.random(4 * int(days[-1] - days[0] + 1))[::4][days - days[0]]
    return out
