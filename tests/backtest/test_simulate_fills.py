"""The fills the driver takes from vectorbt are those of vectorbt's checked entry for single orders, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.simulate.vbt import execute, order_buffer


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fills_are_those_of_execute_order(sign):
    from vectorbt.portfolio.enums import Direction, ProcessOrderState, SizeType
    from vectorbt.portfolio.nb import execute_order_nb, order_nb

    rng = np.random.default_rng(17)
    n = 60
    price, rate = rng.uniform(1.0, 400.0, n), rng.uniform(0.0, 4e-3, n)
    held = np.where(rng.random(n) < 0.3, 0.0, rng.uniform(1.0, 1e5, n))
    move = np.where(rng.random(n) < 0.5, -held, rng.uniform(0.0, 1e5, n))  # leavers to nothing, others grow
    move[rng.random(n) < 0.1] = 0.0
    debt = held * 90.0 if sign < 0 else np.zeros(n)
    cash, fees, owed, positions = 1e9, 0.0, debt.copy(), held.copy()
    for i in np.flatnonzero(move):
        order = order_nb(
            size=sign * move[i], price=price[i], size_type=SizeType.Amount, direction=Direction.Both, fees=rate[i]
        )
        state = ProcessOrderState(
            cash=cash, position=sign * positions[i], debt=owed[i], free_cash=cash, val_price=price[i], value=1e9,
            oidx=0, lidx=0,
        )  # fmt: skip
        filled, result = execute_order_nb(state, order)
        cash, positions[i], owed[i] = filled.cash, sign * filled.position, filled.debt
        fees += result.fees

    every = np.arange(n)
    blank = np.zeros(n)
    scratch = (np.array([0, n]), every, np.ones(n, dtype=np.int64), price, held.copy(), blank, move, rate, *[blank] * 3)
    mine = held.copy()
    outcome = execute(0, 1e9, 0, sign, 0, n, scratch, mine, debt, False, order_buffer(0), 0)
    assert outcome[5]
    assert outcome[0] == cash
    assert outcome[1] == fees
    np.testing.assert_array_equal(mine, positions)
    np.testing.assert_array_equal(debt, owed)
