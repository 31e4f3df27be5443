"""A bank's basket by its levels: rows told by number, conversions by hand, the account against a fund's own short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from backtest import stand_in
from backtest.accounts import Accounts
from backtest.legs import Legs
from backtest.report import stand_in as tables
from backtest.report.tables import Summary
from backtest.stand_in_spec import StandIn
from backtest.terms import terms
from basket.levels import read_levels, total_return
from market.errors import ConfigError, DataError

DAYS = pd.bdate_range("2024-01-01", periods=12)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def with_levels(legs: Legs, path: Path, **more: object) -> Legs:
    told = StandIn.model_validate({"name": "theirs", "levels": str(path), **more})
    few = legs.spec.bootstrap.model_copy(update={"draws": 100})
    return replace(legs, spec=legs.spec.model_copy(update={"stand_in": told, "bootstrap": few}))


def test_every_bad_row_is_told_with_its_line(tmp_path: Path) -> None:
    text = "date,level\n2024-01-02,100\n2024-13-02,101\n2024-01-03,\n\n2024-01-02,99\n2024-01-04,-5\n2024-01-05,nan\n"
    with pytest.raises(ConfigError) as told:
        read_levels(written(tmp_path / "bad.csv", text))
    lines = [line.partition("bad.csv:")[2] for line in str(told.value).splitlines() if "bad.csv:" in line]
    assert [line.split(":")[0] for line in lines] == ["3", "4", "6", "7", "8"]
    assert "'2024-13-02' is not a date" in lines[0]
    assert "'' is not a level" in lines[1]
    assert "2024-01-02 stands there twice" in lines[2]
    with pytest.raises(ConfigError, match="expected the columns date and level; found day, close"):
        read_levels(written(tmp_path / "header.csv", "day,close\n2024-01-02,1\n"))
    with pytest.raises(ConfigError, match="1 levels"):
        read_levels(written(tmp_path / "one.csv", "date,level\n2024-01-02,1\n"))
    commas = read_levels(written(tmp_path / "commas.csv", 'Level,Date\n"1,250.5",2024-01-03\n1240,2024-01-02\n'))
    assert commas.tolist() == [1240.0, 1250.5]


def test_levels_become_total_returns_by_hand() -> None:
    level = pd.Series(np.linspace(100.0, 111.0, 12), DAYS)
    plain = total_return(level, DAYS)
    assert plain.returns.to_numpy() == pytest.approx(level.pct_change().dropna().to_numpy())
    paying = total_return(level, DAYS, "price_return", 0.0365)
    nights = np.diff(DAYS.to_numpy()).astype("timedelta64[D]").astype(int)
    assert paying.returns.to_numpy() == pytest.approx(plain.returns.to_numpy() + 0.0365 * nights / 365)
    cash = pd.Series(0.036, DAYS)
    beyond = total_return(level, DAYS, "excess_return", cash_rate=cash)
    assert beyond.returns.to_numpy() == pytest.approx(plain.returns.to_numpy() + 0.036 * nights / 360)


def test_gaps_and_days_that_are_no_session() -> None:
    level = pd.Series(100.0 + np.arange(12.0), DAYS)
    holed = pd.concat([level.drop(DAYS[3:6]), pd.Series({pd.Timestamp("2024-01-06"): 999.0})]).sort_index()
    found = total_return(holed, DAYS)
    assert (found.rows, found.unmatched, found.carried) == (10, 1, 3)
    assert (found.returns[DAYS[3:6]] == 0.0).all()
    with pytest.raises(DataError, match="no level on the 6 sessions between 2024-01-02 and 2024-01-11"):
        total_return(level.drop(DAYS[2:8]), DAYS)
    with pytest.raises(DataError, match="0 of its dates are sessions"):
        total_return(level, pd.bdate_range("2020-01-01", periods=9))


def test_a_fund_by_its_levels_is_the_fund_short(flagship_legs: Legs, tmp_path: Path) -> None:
    """The levels of IWM at a fund's fee and cost give the account that shorts IWM itself."""
    returns = flagship_legs.index_returns("IWM").loc["2023-01-03":]
    level = 100 * (1 + returns.fillna(0.0)).cumprod()
    path = tmp_path / "iwm.csv"
    level.rename("level").rename_axis("date").to_csv(path)
    legs = with_levels(flagship_legs, path, fee_bps=30, trade_bps=0.5)
    found = stand_in.stand_in(legs)
    assert found is not None
    least = legs.spec.hedge.min_sessions
    assert found.legs.sessions[0] == level.index[1 + least]
    assert found.legs.sessions[-1] == legs.sessions[-1]
    accounts = Accounts(found.legs, terms(found.legs.spec, found.legs.data, found.legs.panel))
    theirs = found.ratios["levels"].dropna()
    fund = accounts.simulate(accounts.hedged_by(accounts.fund_targets("IWM"), theirs, "IWM")).nav
    assert np.abs(found.nav["hedged_with_levels"].to_numpy() / fund - 1).max() < 1e-9
    # the ratio is that of the walk on the fund's own returns since the levels began
    direct = stand_in.walk(legs.spec.hedge, "ols", legs.book.returns, returns.iloc[1:], found.legs.checks)["target"]
    assert np.abs(theirs - direct).max() < 1e-9
    dearer = stand_in.stand_in(with_levels(flagship_legs, path, fee_bps=530, trade_bps=0.5))
    assert dearer is not None
    cost = np.log(found.nav["hedged_with_levels"].iloc[-1] / dearer.nav["hedged_with_levels"].iloc[-1])
    years = (found.nav.index[-1] - found.nav.index[0]).days / 365.25
    assert cost / years == pytest.approx(0.05 * theirs.mean(), rel=0.15)
    section = stand_in.section(found)
    assert section["sleeves"]["hedged"]["cagr"] != section["sleeves"]["hedged_with_levels"]["cagr"]
    assert section["variance_removed"]["hedged"]["low"] < section["variance_removed"]["hedged"]["out_of_sample"]
    shown = tables.accounts(Summary({"stand_in": section}))
    assert [row[0].text for row in shown.rows] == ["Book alone", "Hedged with our basket", "Hedged with theirs"]
    assert len(tables.tracked(Summary({"stand_in": section})).rows) == 9
    assert not tables.accounts(Summary({})).rows


def test_a_basket_tracks_itself(flagship_legs: Legs, tmp_path: Path) -> None:
    level = flagship_legs.short.level.loc["2024-01-02":]
    path = tmp_path / "ours.csv"
    level.rename("level").rename_axis("date").to_csv(path, float_format="%.12f")
    found = stand_in.stand_in(with_levels(flagship_legs, path))
    assert found is not None
    told = stand_in.tracking(found.nav["basket"], found.nav["levels"])
    assert told["beta"] == pytest.approx(1.0)
    assert told["correlation"] == pytest.approx(1.0)
    assert told["tracking_error"] < 1e-9
    assert told["drawdown_difference"] == pytest.approx(0.0, abs=1e-12)
    half = (1 + 0.5 * found.nav["levels"].pct_change().fillna(0.0)).cumprod()
    assert stand_in.tracking(half, found.nav["levels"])["beta"] == pytest.approx(0.5)


def test_too_few_levels_and_a_yield_that_is_inside(flagship_legs: Legs, tmp_path: Path) -> None:
    level = flagship_legs.short.level.tail(150)
    path = tmp_path / "short.csv"
    level.rename("level").rename_axis("date").to_csv(path)
    with pytest.raises(DataError, match=r"short\.csv: 149 returns are shared.*29 sessions are left and 60 are needed"):
        stand_in.stand_in(with_levels(flagship_legs, path))
    with pytest.raises(ValidationError, match="has its dividends inside"):
        with_levels(flagship_legs, path, dividend_yield=0.02)
    assert stand_in.stand_in(flagship_legs) is None
