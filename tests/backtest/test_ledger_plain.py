"""The ledger on its own: numbers retyped by hand, so that it may serve as an oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtest.carry import Financing
from backtest.costs import Costs
from backtest.ledger import replay
from backtest.planted import planted_account, planted_panel
from backtest.simulate import Account, ShortSleeve


def flat(close: np.ndarray):
    panel = planted_panel(0, *close.shape, start="2024-01-02")
    return replace(panel, close=close, dividend=np.zeros_like(close), split=np.ones_like(close))


def test_the_worked_example_of_a_split_and_a_dividend():
    """An index of two halves: 5 and 2.5 shares; prices (10, 20), a split, a dividend of 1 before the split's terms."""
    close = np.array([[10.0, 20.0], [5.5, 18.0], [5.0, 18.0]])
    panel = replace(
        flat(close),
        split=np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 1.0]]),
        dividend=np.array([[0.0, 0.0], [0.0, 0.0], [0.5, 0.0]]),
    )
    book = replay(Account(panel, {0: np.array([0.5, 0.5])}, initial_nav=100.0))
    assert book.nav.tolist() == pytest.approx([100.0, 100.0, 100.0])  # 10 x 5 + 2.5 x 18 + 5 of dividend
    assert book.lines["dividends_received"][2] == pytest.approx(5.0)
    assert book.cash[2] == pytest.approx(5.0)


def test_a_short_that_doubles_loses_its_notional():
    close = np.array([[10.0, 10.0], [10.0, 20.0]])
    account = Account(
        flat(close), {0: np.array([1.0, 0.0])}, (ShortSleeve("b", {0: np.array([0.0, 1.0])}, 0.4),), initial_nav=100.0
    )
    book = replay(account)
    assert book.nav.tolist() == pytest.approx([100.0, 60.0])
    assert book.lines["short"][1] == pytest.approx(-40.0)
    assert book.cash.tolist() == pytest.approx([40.0, 40.0])


def test_interest_is_earned_on_what_is_not_invested():
    book = replay(
        Account(
            flat(np.full((3, 1), 10.0)), {0: np.array([0.25])}, initial_nav=100.0, financing=Financing(benchmark=0.036)
        )
    )
    assert book.lines["interest"].tolist() == pytest.approx([0.0, 0.0075, 75.0075 * 0.0001])


def test_every_day_is_explained():
    for seed in range(30, 40):
        assert replay(planted_account(seed)).max_identity_error < 1e-12


def test_a_planted_mistake_is_seen():
    account = planted_account(5, limits=False)
    book = replay(account)
    wrong = replay(replace(account, costs=Costs(half_spread=2e-9)))
    assert wrong.error(book.nav) > 1e-9
