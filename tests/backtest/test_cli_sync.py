"""`hedgebasket data sync` from end to end, against a local SEC, Yahoo and New York Fed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import market
from backtest import cli
from market.contents import Contents
from market.sources.assembly import FUNDS, LEVELS
from screens.metrics import REGISTRY

_path = Path(__file__).parents[1] / "market" / "replay_server.py"
_spec = importlib.util.spec_from_file_location("replay_server", _path)
replay_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay_server)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:yfinance")


def test_a_store_is_filled_and_its_statements_are_computed(tmp_path, monkeypatch):
    store = tmp_path / "store"
    words = ["data", "sync", "--data", str(store), "--since", "2021-01-01", "--tickers", "AAPL,KO"]
    bars = {name.replace("^", "%5E"): replay_server.walk(0, n=60) for name in (*FUNDS, *LEVELS)}
    answers = replay_server.small_answers() | replay_server.yahoo_answers(bars)
    with replay_server.Replay(answers) as server:
        for variable in ("SEC", "YAHOO", "FED"):
            monkeypatch.setenv(f"HEDGEBASKET_{variable}_URL", server.url)
        done = CliRunner().invoke(cli.application(), [*words, "--contact", "desk@example.com", "--json", "-"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["coverage"][0]["with_facts"] == 2
    assert "computing statements" in done.stderr

    def refuse(*_):
        raise AssertionError("the facts were read")

    monkeypatch.setattr(Contents, "facts", refuse)
    data = market.open(store)
    assert set(data.tickers) == {"AAPL", "KO", *FUNDS, *LEVELS}
    view = data.as_of(data.end)
    assert REGISTRY["roa"](view).value.shape == data.tickers.shape
    assert view.item("revenue")[data.tickers.get_loc("KO")] > 0
