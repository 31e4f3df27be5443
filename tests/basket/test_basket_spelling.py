"""A share class is found under every spelling: in a config, in a file of positions, on the command line."""

import pandas as pd
import pytest

import market
from basket.book import read_holdings
from market.fundamentals import ticker_of
from screens.loading import from_mapping
from screens.spec import ScreenSpec

SESSIONS = pd.bdate_range("2023-01-03", periods=5)


@pytest.fixture(scope="module")
def data() -> market.Market:
    rows = [pd.DataFrame({"date": SESSIONS, "ticker": name, "close": 10.0}) for name in ("BRK-B", "BF/B", "ON")]
    return market.planted("test", prices=pd.concat(rows))


@pytest.mark.parametrize("written", ["BRK-B", "BRK/B", "BRK.B"])
def test_a_share_class_is_found_as_it_was_written(data, written, tmp_path) -> None:
    assert data.resolve(written) == "BRK.B"
    assert ticker_of(data, written, SESSIONS[-1]) == "BRK.B"
    spec = from_mapping(
        {
            "kind": "screen",
            "name": "s",
            "question": "q",
            "universe": {"tickers": [written, "ON"]},
            "blocks": {"b": {"weight": 1.0, "metrics": ["price"]}},
        },
        ScreenSpec,
    )
    assert spec.universe.tickers == ("BRK.B", "ON")
    path = tmp_path / "held.csv"
    path.write_text(f"ticker,shares\n{written},-5\n")
    assert read_holdings(path, set(data.tickers)).tickers == ["BRK.B"]
