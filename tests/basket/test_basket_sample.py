"""The shipped baskets on the shipped sample, over its whole span."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import basket
import market
from basket.exposures import exposures, of_portfolio
from basket.weight_spec import Equal, Target

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


def test_every_split_and_dividend_of_the_book_is_an_event(book, data) -> None:
    events = book.events
    splits = {
        (f"{row.session:%Y-%m-%d}", row.ticker): row.value for row in events[events["event"] == "split"].itertuples()
    }
    assert splits[("2020-08-31", "AAPL")] == 4.0
    assert splits[("2024-06-10", "NVDA")] == 10.0
    panel, held = data.panel(), book.drifted_weights()
    first = panel.row(book.sessions[0])
    paid = {
        (panel.sessions[t], name): panel.dividend[t, panel.column(name)]
        for t in range(first + 1, len(panel.sessions))
        for name in held.columns[held.loc[panel.sessions[t]] > 0]
        if panel.dividend[t, panel.column(name)] > 0
    }
    told = events[events["event"].isin(["dividend", "special_dividend"])]
    assert dict(zip(zip(told["session"], told["ticker"], strict=True), told["value"], strict=True)) == pytest.approx(
        paid
    )


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


def test_exposures_held_near_the_books(short, book, data) -> None:
    """Beta must hold; momentum, size and sectors give way in that order, and an event says by how much."""
    targets = (
        Target(exposure="beta", relative_to="book", within=0.05),
        Target(exposure="momentum", relative_to="book", within=0.25, priority=1),
        Target(exposure="size", target=-1.0, relative_to="book", within=0.5, priority=2),
        Target(exposure="sector", relative_to="book", within=0.30, priority=3),
    )
    weights = Equal(scheme="equal", name_cap=0.08, sector_cap=0.40)
    spec = short.spec.model_copy(update={"targets": targets, "weights": weights, "turnover_cap": 0.5})
    made = basket.build(spec, data, exclude=book, book=book, screened=short.screened, end="2021-12-31")
    panel = data.panel()
    spy = panel.column("SPY")
    told = made.events[made.events["event"] == "rule_gave_way"]
    for number, (session, signal) in enumerate(made.signal_sessions.items()):
        t = panel.row(signal)
        moves = panel.split[t - 251 : t + 1] * (panel.close + panel.dividend)[t - 251 : t + 1]
        moves = moves / panel.close[t - 252 : t] - 1

        def beta_of(weights, moves=moves):
            """Typed anew: the slope of each name on SPY over the sessions it has, weighted."""
            total = weight = 0.0
            for column in np.flatnonzero(weights):
                known = np.isfinite(moves[:, column])
                if known.sum() >= 126:
                    total += weights[column] * np.polyfit(moves[known, spy], moves[known, column], 1)[0]
                    weight += weights[column]
            return total / weight

        mine = beta_of(made.history.weights[number])
        assert abs(mine - beta_of(book.weights_known_at(signal, data.tickers))) <= 0.05 + 1e-3
        known = exposures(data.as_of(signal))
        theirs = book.weights_known_at(signal, data.tickers)
        here = told[told["session"] == session]
        for name, centre, within in (("momentum", 0.0, 0.25), ("size", -1.0, 0.5)):
            gap = of_portfolio(known[name], made.history.weights[number]) - of_portfolio(known[name], theirs) - centre
            breach = here.loc[here["detail"].str.startswith(name), "value"].sum()
            assert abs(gap) <= within + breach + 1e-5
    assert told["detail"].str.startswith("size near the book's").any()
    assert not told["detail"].str.startswith("beta").any()


def test_capacity_of_the_flagship_by_hand(short, data) -> None:
    day = short.sessions[-1]
    panel, held = data.panel(), short.held_on(short.sessions[-1])
    t = panel.row(day)
    adv = {
        name: np.median((panel.close * panel.volume)[t - 19 : t + 1, panel.column(name)]) for name in held.index
    }  # fmt: skip
    found = short.carries()
    assert found["five_days"] == pytest.approx(min(0.1 * 5 * adv[name] / w for name, w in held.items()))
    table = short.capacity(50e6)
    for name, weight in held.items():
        assert table.loc[name, "adv_share"] == pytest.approx(50e6 * weight / adv[name])
        assert table.loc[name, "days_to_trade"] == pytest.approx(50e6 * weight / (0.1 * adv[name]))
    # Impact a year at N: four trades a year of each name's share of the turnover, at sigma times the root of the share.
    years = (short.rebalances[-1] - short.rebalances[0]).days / 365.25
    turnover = short.turnover.iloc[1:].sum() / years
    size, bill = found["impact_10bps"], 0.0
    for name, weight in held.items():
        i = panel.column(name)
        move = panel.split[:, i] * (panel.close + panel.dividend)[:, i]
        sigma = np.std(move[t - 62 : t + 1] / panel.close[t - 63 : t, i] - 1, ddof=1)
        trade = size * weight * 2 * turnover / 4
        bill += 4 * trade * sigma * np.sqrt(trade / adv[name])
    assert 1e4 * bill / size == pytest.approx(10.0, rel=1e-6)
