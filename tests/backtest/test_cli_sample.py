"""Commands on the shipped sample: figures printed elsewhere, and the promised shapes of the JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from typer.testing import CliRunner

from backtest import cli
from backtest.standing import betas_in_order

SCREEN = """
kind: screen
name: small
universe: {index: sp500, min_price: 5, exclude_sectors: [Financials, Real Estate]}
blocks:
  leverage: {weight: 1.0, neutralise: sector, min_metrics: 1, metrics: [liabilities_assets]}
selection: {count: 5}
"""


@pytest.fixture(scope="module")
def run():
    runner, app = CliRunner(), cli.application()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


def test_fundamentals_of_apple_as_printed_in_its_filings(run):
    """Revenue of fiscal 2023, plus the first half of 2024, less the first half of 2023 (10-K 2023, 10-Q March 2024)."""
    shown = run("fundamentals", "CIK320193", "--as-of", "2024-06-28", "--json", "-")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["ticker"] == "AAPL"
    assert found["as_of"] == "2024-06-28"
    assert found["ttm"]["revenue"] == 383_285e6 + (119_575e6 + 90_753e6) - (117_154e6 + 94_836e6)
    assert found["latest"]["assets"] == 337_411e6
    assert found["metrics"]["asset_turnover"] > 1
    source = found["sources"]["revenue"]
    assert source["form"] == "10-Q"
    assert source["period_end"] == "2024-03-30"
    assert source["filed"] <= found["as_of"]


def test_a_screen_as_data(run, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SCREEN)
    shown = run("screen", path, "--as-of", "2024-01-02", "--top", 3, "--json", "-")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["as_of"] == "2024-01-02"
    assert 300 < found["eligible"] <= found["universe"] < 505
    assert [row["rank"] for row in found["selected"]] == [1, 2, 3]
    assert set(found["selected"][0]) == {"ticker", "rank", "score", "blocks", "metrics"}
    assert set(found["coverage"]) == {"liabilities_assets"}
    text = run("screen", path, "--as-of", "2024-01-02").stdout
    assert len([line for line in text.splitlines() if line and line.split()[0].isupper()]) >= 5


def test_a_day_that_is_no_session_names_the_nearest(run, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SCREEN)
    shown = run("screen", path, "--as-of", "2024-01-01")
    assert shown.exit_code == 2
    assert "the last one before it is 2023-12-29, the next one 2024-01-02" in shown.stderr
    assert run("screen", path, "--as-of", "2031-01-02").exit_code == 3


def test_status_as_promised(run):
    found = json.loads(run("data", "status", "--json", "-").stdout)
    assert found["store"] == "sample"
    assert set(found["tables"]["prices"]) == {"rows", "tickers", "start", "end", "source"}


def test_import_counts_and_reasons(run, tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("date,ticker,close\n2024-01-02,ON,10.5\n2024-01-03,ON,abc\n2024-01-03,NO,11\n")
    shown = run("data", "import", "--data", tmp_path / "store", "--prices", prices, "--json", "-")
    assert shown.exit_code == 0, shown.output
    table = json.loads(shown.stdout)["tables"]["prices"]
    assert (table["rows_read"], table["rows_taken"], len(table["rejected"])) == (3, 2, 1)
    text = run("data", "import", "--data", tmp_path / "store", "--prices", prices).stdout
    assert "row" in text


def test_betas_against_a_regression():
    """The AI beta is the slope on the fund once the market is in the same regression."""
    rng = np.random.default_rng(3)
    market = pd.Series(rng.normal(0, 0.01, 300))
    ai = 1.4 * market + pd.Series(rng.normal(0, 0.012, 300))
    book = 1.1 * market + 0.2 * ai + pd.Series(rng.normal(0, 0.004, 300))
    bonds = -0.2 * market + pd.Series(rng.normal(0, 0.008, 300))
    funds = pd.DataFrame({"market": market, "ai": ai, "bonds": bonds})
    found = betas_in_order(pd.DataFrame({"book": book}), funds)["book"]
    third = sm.OLS(book, sm.add_constant(funds)).fit().params["bonds"]
    assert found["bonds"] == pytest.approx(third)
    alone = sm.OLS(book, sm.add_constant(market.rename("m"))).fit().params["m"]
    both = sm.OLS(book, sm.add_constant(pd.DataFrame({"m": market, "a": ai}))).fit().params["a"]
    assert found["market"] == pytest.approx(alone)
    assert found["ai"] == pytest.approx(both)
