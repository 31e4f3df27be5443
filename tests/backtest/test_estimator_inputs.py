"""What a run's own data give the estimators that ask for more than book and basket, and the comparison on a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtest import cli
from backtest.estimator_inputs import carry_annual, cost_of_change_bps, own_parameters
from backtest.legs import Legs
from basket import hedge
from market.errors import ConfigError

FLAGSHIP = Path(__file__).resolve().parents[2] / "configs" / "runs" / "low_quality_vs_mega_cap.yaml"


def with_hedge(legs: Legs, **changes: object) -> Legs:
    return replace(legs, spec=legs.spec.model_copy(update={"hedge": legs.spec.hedge.model_copy(update=changes)}))


def test_carry_is_the_fee_less_what_the_proceeds_earn(flagship_legs: Legs) -> None:
    found = carry_annual(flagship_legs)
    session = flagship_legs.short.rebalances[-2]
    weights = flagship_legs.short.weights.loc[session]
    weights = weights[weights > 0]
    view = flagship_legs.data.as_of(session)
    fee = pd.Series(view.borrow_fee(), index=view.tickers)[weights.index]
    rate = flagship_legs.data.rates("fed_funds")
    assert found[session] == pytest.approx(float(weights @ fee) - (rate[session] - 0.0035))
    after = flagship_legs.data.sessions[flagship_legs.data.sessions.searchsorted(session) + 20]
    assert found[after] - found[session] == pytest.approx(rate[session] - rate[after])
    # known when it is used: on data that end early it is the same
    ended = flagship_legs.sessions[flagship_legs.sessions <= session]
    cut = replace(flagship_legs, data=flagship_legs.data.cut(session), sessions=ended)
    assert (carry_annual(cut)[:session] == found[:session]).all()


def test_what_a_run_gives_its_estimator(flagship_legs: Legs) -> None:
    chosen = with_hedge(flagship_legs, estimator="factor_neutral")
    path = chosen.ratio_path(chosen.short.returns)["target"]
    assert path.between(0.3, 1.6).all()
    chosen = with_hedge(flagship_legs, estimator="mean_variance", params={"gamma": 1e9, "expected_return": 0.0})
    unworried = chosen.ratio_path(chosen.short.returns)["raw"]
    ols = flagship_legs.ratio_path(flagship_legs.short.returns)["raw"]
    assert np.abs(unworried - ols).max() < 1e-6
    with pytest.raises(ConfigError, match="name them in shorts"):
        with_hedge(flagship_legs, estimator="multi_instrument").ratio_path(flagship_legs.short.returns)
    told = own_parameters(with_hedge(flagship_legs, estimator="ewma", params={"decay": 0.97}))
    assert told["ewma"] == {"decay": 0.97}
    assert told["mean_variance"]["gamma"] == 5.0
    assert cost_of_change_bps(flagship_legs) == pytest.approx(3.0, abs=1.0)


def test_the_ratios_of_a_run_are_what_the_run_trades(flagship_legs: Legs) -> None:
    shown = CliRunner().invoke(
        cli.application(), ["ratios", str(FLAGSHIP), "--estimators", "ols,dollar_neutral", "--json", "-"]
    )
    assert shown.exit_code == 0, shown.output
    line = json.loads(shown.stdout)["ols"]
    path = flagship_legs.ratio_path(flagship_legs.short.returns)["target"]
    held = hedge.held_ratio(path, flagship_legs.sessions[1:])
    assert line["ratio_last"] == pytest.approx(path.iloc[-1])
    assert line["ratio_mean"] == pytest.approx(held.mean())
    assert line["judged_from"] == str(flagship_legs.sessions[1].date())


def test_the_table_reads_at_eighty_columns() -> None:
    names = "ols,quantile,mean_variance,factor_neutral,multi_instrument,lower_partial_moment"
    shown = CliRunner().invoke(cli.application(), ["ratios", str(FLAGSHIP), "--estimators", names, "--quiet"])
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    table = lines[: 2 + len(names.split(","))]
    assert max(map(len, table)) <= 80
    assert [line.split()[0] for line in table[2:]] == names.split(",")
    assert "needs" not in shown.stdout  # a run's data carry every estimator
    assert any(line.startswith("quantile: judged from ") for line in lines)
    beside = next(line for line in lines if line.startswith("multi_instrument: beside the basket"))
    assert {"SPY", "QQQ", "IWM"} <= set(beside.replace(",", "").split())
    assert "RSP" not in beside  # its prices end before the run, which is judged to its own end all the same
    assert lines[0].endswith("to 2026-05-29")
