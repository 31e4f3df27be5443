"""The shipped baskets on the shipped sample, over its whole span."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import basket
import market

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.fixture(scope="module")
def book(data):
    return basket.build(CONFIGS / "books/mega_cap.yaml", data)


@pytest.fixture(scope="module")
def short(data, book):
    return basket.build(CONFIGS / "baskets/low_quality.yaml", data, exclude=book)


def plain_index(built, panel) -> tuple[np.ndarray, np.ndarray]:
    """Price and total-return level with actual shares, one by one, day by day."""
    first = panel.row(built.rebalances[0])
    column = {name: panel.column(name) for name in built.weights.columns}
    targets = {panel.row(day): row for day, row in zip(built.rebalances, built.weights.to_numpy(), strict=True)}
    names = list(built.weights.columns)
    shares: dict[str, float] = {}
    last: dict[str, float] = {}
    price, total = [100.0], [100.0]
    for t in range(first, len(panel.sessions)):
        worth = paid = 0.0
        for name, count in shares.items():
            i = column[name]
            shares[name] = count * panel.split[t, i]
            close = panel.close[t, i]
            if np.isnan(close):
                close = last[name] / panel.split[t, i]
            last[name] = close
            worth += shares[name] * close
            paid += shares[name] * panel.dividend[t, i]
        if t > first:
            total.append(total[-1] * (worth + paid) / price[-1])
            price.append(worth)
        if t in targets:
            row = targets[t]
            shares = {
                name: w * price[-1] / panel.close[t, column[name]] for name, w in zip(names, row, strict=True) if w
            }
            last = {name: panel.close[t, column[name]] for name in shares}
    return np.array(price), np.array(total)


@pytest.mark.parametrize("which", ["book", "short"])
def test_the_level_is_that_of_a_plain_index_over_the_whole_span(which, data, request) -> None:
    built = request.getfixturevalue(which)
    assert not (built.events["event"] == "deleted").any()
    price, total = plain_index(built, data.panel())
    np.testing.assert_allclose(built.price_level, price, rtol=1e-12)
    np.testing.assert_allclose(built.level, total, rtol=1e-12)
    assert (built.returns.to_numpy() >= built.price_level.pct_change().to_numpy()[1:] - 1e-12).all()


def test_the_flagship_obeys_its_rulebook(short, book, data) -> None:
    weights = short.weights
    assert ((weights > 0).sum(axis=1) == 40).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    assert weights.to_numpy().max() <= 0.04 + 1e-12
    sectors = weights.T.groupby(data.securities.loc[weights.columns, "sector"]).sum()
    assert sectors.to_numpy().max() <= 0.40 + 1e-12
    issuer = data.securities["issuer"]
    for session, signal in short.signal_sessions.items():
        held = weights.columns[weights.loc[session] > 0]
        assert set(held) <= set(data.members_on("sp500", signal))
        long = book.weights.loc[session]
        assert not set(issuer[held]) & set(issuer[long.index[long > 0]])
        assert data.sessions.get_loc(session) - data.sessions.get_loc(signal) == 1
    assert {day.month for day in short.rebalances} == {1, 4, 7, 10}
    # 2019-04-19 and 2022-04-15 were Good Fridays.
    days = {f"{day:%Y-%m-%d}" for day in short.rebalances}
    assert {"2019-04-18", "2022-04-14", "2024-01-19"} <= days


def test_the_book_counts_alphabet_once_and_holds_ten_companies(book) -> None:
    held = book.weights > 0
    assert (held.sum(axis=1) == 10).all()
    assert not (held.get("GOOG", held["GOOGL"] & False) & held["GOOGL"]).any()
    assert book.weights.to_numpy().max() <= 0.20 + 1e-12
    assert {"AAPL", "MSFT", "AMZN"} <= set(held.columns[held.all()])


def test_no_name_jumps_the_level_by_itself(short) -> None:
    """A data fault (a missed split, a spin-off counted twice) would show as one name moving the level."""
    prices = short.history.prices
    first = short.history.start
    value = prices.value[first:] + prices.cash[first:]
    columns, drifted = short.history.drifted()
    before = prices.value[first:-1, columns]
    moves = np.divide(value[1:, columns], before, out=np.ones_like(before), where=before > 0) - 1.0
    assert np.abs(drifted[:-1] * moves).max() < 0.02


def test_built_again_from_the_same_evaluations_it_is_the_same_to_the_bit(short, book, data) -> None:
    again = basket.build(CONFIGS / "baskets/low_quality.yaml", data, exclude=book, screened=short.screened)
    np.testing.assert_array_equal(again.level.to_numpy(), short.level.to_numpy())
