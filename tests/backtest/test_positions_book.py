"""A run whose book is the user's own positions, an existing short among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import basket
import market
from backtest.pipeline import run
from backtest.spec import RunSpec
from screens.loading import load

FILES = {
    "pyproject.toml": "",
    "held.csv": "ticker,shares\nAAPL,20000\nMSFT,9000\nNVDA,30000\nXOM,-15000\n",
    "book.yaml": "kind: book\nname: mine\nsource: {kind: positions, file: held.csv, as_of: 2024-03-28}\n"
    "schedule: {frequency: quarterly}\n",
    "basket.yaml": "kind: basket\nname: pair\nschedule: {frequency: quarterly}\n"
    "source: {kind: fixed, tickers: [UAL, F, MU, WDC, XOM, AAPL]}\n",
    "run.yaml": "kind: run\nname: mine\nbook: book.yaml\nbasket: basket.yaml\n"
    "span: {start: 2023-01-03, end: 2024-06-28}\nplacebos: {best_quality: false, random_draws: 0}\n"
    "bootstrap: {draws: 100}\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("positions")
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.fixture(scope="module")
def result(folder, data):
    return run(load(folder / "run.yaml", RunSpec), data)


def test_the_book_holds_its_short_and_its_shares_through_the_split(result) -> None:
    book = result.weights[result.weights["sleeve"] == "book"]
    assert (book.loc[book["ticker"] == "XOM", "weight"] < 0).all()
    assert set(book["ticker"]) == {"AAPL", "MSFT", "NVDA", "XOM"}
    # NVDA split ten for one on 2024-06-10: 30,000 shares of March are 300,000 in June, of the same kind of holding.
    sums = book.groupby("date")["weight"].sum()
    np.testing.assert_allclose(sums, 1.0, atol=1e-9)


def test_the_books_return_is_that_of_the_shares_by_hand(folder, data) -> None:
    built = basket.build(folder / "book.yaml", data, start="2023-01-03", end="2024-06-28")
    panel = data.panel(["AAPL", "MSFT", "NVDA", "XOM"], "2023-01-03", "2024-06-28")
    shares = {"AAPL": 20_000.0, "MSFT": 9_000.0, "NVDA": 30_000.0, "XOM": -15_000.0}
    worth = np.zeros(len(panel.sessions))
    for name, count in shares.items():
        i = panel.column(name)
        later = np.where(panel.sessions > pd.Timestamp("2024-03-28"), panel.split[:, i], 1.0).cumprod()
        worth += count * later * panel.close[:, i]
    np.testing.assert_allclose(built.price_level / 100, worth / worth[0], rtol=1e-10)


def test_the_run_hedges_the_net_book_and_the_ledger_agrees(result) -> None:
    summary = result.summary
    assert summary["ledger"]["max_identity_error"] < 1e-9
    assert summary["ledger"]["max_vectorbt_error"] < 1e-9
    assert 0 < float(result.hedge_ratio["held"].iloc[-1]) < 2
    assert np.isfinite(result.nav[["book", "hedged"]].to_numpy()).all()


def test_a_list_of_names_is_not_called_a_thin_pool(result) -> None:
    assert not [told for told in result.summary["warnings"] if told.startswith("thin pool")]


def test_names_held_long_stay_out_of_the_basket_and_names_already_short_do_not(result) -> None:
    short = set(result.weights.loc[result.weights["sleeve"] == "basket", "ticker"])
    assert "AAPL" not in short
    assert "XOM" in short


def test_a_list_of_names_is_hindsight_and_the_run_says_so(result) -> None:
    assert any("hindsight: the book is a list of names" in warning for warning in result.summary["warnings"])
