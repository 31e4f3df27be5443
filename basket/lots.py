"""From money to orders: whole lots near a total, and one order for each side of zero.

1. An order is a multiple of the lot, so that a position keeps its odd shares; one that is closed takes them along.
2. Each target is rounded down, then lots are added where the remainder is largest, as long as that brings the total
   nearer to what was asked for: the cash of the whole stays what it was to within about a lot.
3. A trade that crosses zero is two orders: a long sale and a short sale are marked apart (Regulation SHO, rule 200(g)).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def round_to_lots(notional: Floats, price: Floats, lot: int = 1) -> Floats:
    """Whole lots (n_names,) whose value is near each notional (USD, positive) and, in sum, nearest to the total.

    >>> round_to_lots(np.array([50.0, 50.0]), np.array([30.0, 20.0])).tolist()
    [2.0, 2.0]
    """
    lots = notional / (price * lot)
    whole = np.floor(lots + 1e-9)
    left = float(((lots - whole) * price * lot).sum())
    for position in np.argsort(-(lots - whole), kind="stable").tolist():
        cost = price[position] * lot
        if lots[position] - whole[position] > 1e-9 and abs(left - cost) < abs(left):
            whole[position] += 1.0
            left -= cost
    return whole * lot


def target_shares(money: Floats, held: Floats, price: Floats, lot: int = 1) -> Floats:
    """Signed shares (n_names,) near `money` (USD, signed, 0 to close) that whole lots lead to from `held`.

    >>> target_shares(np.array([-1060.0, 0.0]), np.array([-150.0, -37.0]), np.array([1.0, 1.0]), 100).tolist()
    [-1050.0, 0.0]
    """
    side = np.sign(money)
    odd = np.where(held * side > 0, np.abs(held) % lot, 0.0)
    return side * np.where(
        side != 0, odd + round_to_lots(np.maximum(np.abs(money) - odd * price, 0.0), price, lot), 0.0
    )


def one_side_each(held: Floats, target: Floats) -> tuple[Ints, Floats, Floats]:
    """Trades as orders that do not cross zero: the position of each name, held before and target after.

    >>> which, before, after = one_side_each(np.array([500.0]), np.array([-200.0]))
    >>> which.tolist(), before.tolist(), after.tolist()
    ([0, 0], [500.0, 0.0], [0.0, -200.0])
    """
    crosses = held * target < 0
    which = np.repeat(np.arange(held.size), np.where(crosses, 2, 1))
    first = np.concatenate(([True], which[1:] != which[:-1])) if which.size else np.zeros(0, dtype=bool)
    before = np.where(first, held[which], 0.0)
    after = np.where(first & crosses[which], 0.0, target[which])
    return which, before, after


def side_of(held: float, traded: float) -> str:
    """The desk's word for a trade: what it does to the position it starts from."""
    if traded < 0:
        return "sell" if held > 0 else "sell_short"
    return "buy_to_cover" if held < 0 else "buy"
