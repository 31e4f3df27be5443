"""The tactical overlay: when it acts, what it costs, and that it sees nothing of the future."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from backtest import overlay, summary, verdict
from backtest.accounts import Accounts
from backtest.audit import audit
from backtest.evaluate.performance import daily_risk_free
from backtest.frames import nav_frame
from backtest.legs import Legs, build_legs
from backtest.overlay_spec import Overlay, SqueezeSwitch
from backtest.report import tactical, tape
from backtest.report.tables import Summary
from backtest.rivals import HOLD_LESS
from backtest.spec import RunSpec
from backtest.terms import terms
from market.errors import ConfigError
from screens.loading import load
from screens.regime import fragility, history
from screens.regime.gate import jumps, squeeze

ROOT = Path(__file__).resolve().parents[2]
TACTICAL = ROOT / "configs" / "runs" / "tactical_low_quality_vs_mega_cap.yaml"


@pytest.fixture(scope="module")
def legs(flagship_legs: Legs) -> Legs:
    spec = load(TACTICAL, RunSpec)
    same = ("book", "basket", "hedge", "costs", "borrow", "cash")  # as in the flagship: the legs are the same
    assert all(getattr(spec, part) == getattr(flagship_legs.spec, part) for part in same)
    return replace(flagship_legs, spec=spec)


@pytest.fixture(scope="module")
def accounts(legs: Legs) -> Accounts:
    return Accounts(legs, terms(legs.spec, legs.data, legs.panel))


@pytest.fixture(scope="module")
def path(legs: Legs) -> pd.Series:
    return legs.ratio_path(legs.short.returns)["target"]


def under(legs: Legs, **changes: object) -> Legs:
    """The same legs with another overlay."""
    assert legs.spec.overlay is not None
    return replace(legs, spec=legs.spec.model_copy(update={"overlay": legs.spec.overlay.model_copy(update=changes)}))


def test_the_gate_acts_one_session_after_it_decides(legs: Legs) -> None:
    alone = overlay.multipliers(under(legs, squeeze=None))
    assert legs.spec.regime is not None
    decided = history(legs.spec.regime.target, legs.data)["session"]
    before = decided.shift(1).loc[legs.sessions]
    scored = decided["score"].notna().cummax().shift(1, fill_value=False).loc[legs.sessions]
    assert 0 < int((~scored).sum()) < 300
    assert (alone["multiplier"][~scored] == 1.0).all()  # no score yet: the overlay changes nothing
    on = before["state"][scored].astype(bool)
    assert (alone["multiplier"][scored] == np.where(on, 1.0, 0.0)).all()
    assert 0 < int(on.sum()) < len(on)


def test_scaling_and_the_share_kept_while_off(legs: Legs) -> None:
    scaled = overlay.multipliers(under(legs, mode="scale", squeeze=None))["multiplier"]
    assert set(np.round(scaled, 12)) - {1.0}
    assert scaled.between(0.25, 1.0).all()
    kept = overlay.multipliers(under(legs, off=0.4, squeeze=None))["multiplier"]
    assert set(kept) == {0.4, 1.0}


def test_the_squeeze_switch_by_hand(legs: Legs) -> None:
    """Ten sessions at half after a week of +10 % that left the market behind by 5 points, each a session later."""
    found = overlay.multipliers(under(legs, mode="always"))
    basket = (1 + legs.short.returns).rolling(5).apply(np.prod, raw=True) - 1
    spy = (1 + legs.index_returns("SPY").reindex(legs.short.returns.index)).rolling(5).apply(np.prod, raw=True) - 1
    hit = (basket > 0.10) & (basket - spy > 0.05)
    cut = hit.rolling(10, min_periods=1).max().shift(1, fill_value=0.0).loc[legs.sessions].astype(bool)
    assert int((cut & ~cut.shift(fill_value=False)).sum()) >= 3
    assert (found["multiplier"] == np.where(cut, 0.5, 1.0)).all()


def test_a_proxy_that_jumps_is_a_squeeze_too(legs: Legs) -> None:
    rng = np.random.default_rng(4)
    returns = rng.normal(0, 0.01, 600)
    returns[450:455] = 0.03
    five = (1 + pd.Series(returns)).rolling(5).apply(np.prod, raw=True) - 1
    past = five.shift(1).rolling(252)
    want = (five - past.mean() > 2.5 * past.std(ddof=0)).to_numpy()
    got = jumps(returns, 2.5)
    assert got[454]
    assert (got == want).all()
    calm = np.zeros(600)
    factor = squeeze(calm, calm, keep=0.25, sessions=3, jumped=got)
    assert factor[454] == factor[455] == 0.25
    assert factor[253] == 1.0 or got[251:254].any()
    switch = SqueezeSwitch(proxy="IWM", z=2.5)
    with_proxy = overlay.multipliers(under(legs, mode="always", squeeze=switch))["multiplier"]
    without = overlay.multipliers(under(legs, mode="always"))["multiplier"]
    assert (with_proxy <= without).all()
    assert (with_proxy < without).any()


def test_an_overlay_that_is_always_on_is_the_hedge_itself(accounts: Accounts, path: pd.Series) -> None:
    still = replace(accounts, legs=under(accounts.legs, mode="always", squeeze=None))
    found = overlay.switched(still, path)
    assert found is not None
    plain = accounts.simulate(accounts.hedged_by(accounts.basket_targets, path))
    assert np.abs(found.nav.iloc[:, 0].to_numpy() / plain.nav - 1).max() < 1e-12
    told = overlay.section(found, nav_frame(accounts.legs, accounts.simulate(), plain))
    assert (told["switches"], told["whipsaws"], told["mean_size"], told["squeezes"]) == (0, 0, 1.0, 0)
    assert told["against_always_on"]["annual"] == pytest.approx(0.0, abs=1e-12)


def test_the_switched_account_beside_always_on(accounts: Accounts, path: pd.Series) -> None:
    found = overlay.switched(accounts, path)
    assert found is not None
    legs = accounts.legs
    unhedged = accounts.simulate()
    always = accounts.simulate(accounts.hedged_by(accounts.basket_targets, path))
    tactical = accounts.simulate(accounts.hedged_by(accounts.basket_targets, found.path))
    assert np.abs(found.nav["tactical: gate"].to_numpy() / tactical.nav - 1).max() < 1e-12
    assert tactical.identity_error < 1e-9
    off = found.frame["multiplier"] == 0.0
    held = pd.Series(tactical.held[:, tactical.sleeves.index("basket")], index=legs.sessions)
    assert (held[off] == 0.0).all()
    assert np.abs(tactical.short_value[off.to_numpy()]).max() == 0.0
    nav = nav_frame(legs, unhedged, always)
    told = overlay.section(found, nav)
    changes = int((found.frame["multiplier"].diff().fillna(0.0) != 0).sum())
    assert told["switches"] == changes > 3
    assert told["switches"] <= len(legs.sessions) / 5  # a state is kept for five sessions at least
    assert told["share_full"] + told["share_off"] <= 1.0
    daily = found.nav["tactical: gate"].pct_change() - nav["hedged"].pct_change()
    assert told["against_always_on"]["annual"] == pytest.approx(252 * daily.iloc[1:].mean())
    trading = -tactical.lines["trading"].sum() / found.nav["tactical: gate"].mean()
    span = told["switches"] / told["switches_per_year"]
    assert told["trading_bps_per_year"]["tactical"] == pytest.approx(trading / span * 1e4)
    risk_free = daily_risk_free(legs.data.rates("fed_funds"), legs.sessions)
    lines = summary.overlay_figures(found, unhedged.nav, legs, risk_free)
    assert set(lines) == {"tactical: gate", overlay.MEAN_SIZE}
    assert lines[overlay.MEAN_SIZE]["beta_to_market"] == pytest.approx(
        lines["tactical: gate"]["beta_to_market"], abs=0.2
    )


def test_whipsaws_by_hand() -> None:
    days = pd.bdate_range("2024-01-01", periods=60)
    multiplier = pd.Series(1.0, index=days)
    multiplier.iloc[10:15] = 0.0  # off for five sessions, in which the hedge made 5 x 1 %
    multiplier.iloc[40:] = 0.5  # halved and left so
    profit = pd.Series(0.01, index=days)
    found = overlay.whipsaws(multiplier, profit)
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["start"], row["end"], row["sessions"], row["change"]) == (days[10], days[15], 5, -1.0)
    assert row["cost"] == pytest.approx(0.05)
    assert overlay.whipsaws(multiplier, -profit)["cost"].sum() == pytest.approx(-0.05)  # a fall missed
    assert overlay.whipsaws(multiplier, profit, within=4).empty


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=30, max_size=30), st.integers(2, 7))
def test_the_path_is_the_ratio_in_force_times_the_multiplier(sizes: list[float], every: int) -> None:
    days = pd.bdate_range("2024-01-01", periods=30)
    multiplier = pd.Series(sizes, index=days)
    path = pd.Series(np.linspace(0.5, 0.9, len(days[::every])), index=days[::every])
    found = overlay.overlaid(path, multiplier).reindex(days).ffill()
    assert np.allclose(found, path.reindex(days).ffill() * multiplier)


def test_the_audit_covers_the_overlay_and_catches_a_percentile_of_the_future(
    legs: Legs, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = legs.data.cut("2021-12-31")
    spec = legs.spec
    assert audit(spec, data, 1).differences == []

    def whole_sample(values: np.ndarray, fewest: int) -> np.ndarray:
        ranks = pd.Series(values).rank(pct=True).to_numpy()
        return np.where(np.arange(len(values)) >= fewest, ranks, np.nan)

    monkeypatch.setattr(fragility, "expanding_percentile", whole_sample)
    monkeypatch.setattr(fragility, "_HISTORIES", type(fragility._HISTORIES)())
    found = audit(spec, data, 1).differences
    assert {one.what for one in found} >= {"overlay"}


def test_the_spec_names_what_is_missing(legs: Legs) -> None:
    with pytest.raises(ValidationError, match="follows a regime; name its file"):
        RunSpec.model_validate(dict(legs.spec) | {"regime": None, "overlay": {"mode": "scale"}})
    with pytest.raises(ValidationError):
        Overlay.model_validate({"mode": "sometimes"})
    unknown = legs.spec.model_copy(update={"overlay": Overlay(mode="always", squeeze=SqueezeSwitch(proxy="NOSUCH"))})
    with pytest.raises(ConfigError, match=r"no prices of NOSUCH.*overlay\.squeeze\.proxy"):
        build_legs(unknown, legs.data)


@pytest.mark.parametrize(
    ("annual", "t", "told"),
    [(0.03, 0.7, "no evidence of timing"), (0.05, 2.4, "its timing paid"), (-0.05, -2.4, "its timing cost money")],
)
def test_the_verdict_on_timing(annual: float, t: float, told: str) -> None:
    line = {"cagr": 0.1, "max_drawdown": -0.2}
    sleeves = {"book": line, "hedged": line}
    effect = pd.DataFrame({"out_of_sample": [0.5], "low": [0.4], "high": [0.6]}, index=["variance"])
    section = {"mode": "gate", "switches": 8, "against_mean_size": {"annual": annual, "t": t}}
    lines = {"tactical: gate": line, HOLD_LESS: line}
    assert verdict.answer(sleeves, effect, pd.DataFrame(), lines, section).endswith(f"{told}.")
    assert "Switched" not in verdict.answer(sleeves, effect, pd.DataFrame(), lines)


def test_the_report_tells_the_overlay_and_the_tape() -> None:
    told = {"mode": "gate", "switches": 8, "mean_size": 0.34, "against_mean_size": {"annual": 0.03, "t": 0.7}}
    table = tactical.overlay(Summary({"overlay": told}))
    assert [row[1].text for row in table.rows] == ["34.0%", "8", "+3.0%".removeprefix("+"), "0.70"]
    assert not tactical.overlay(Summary({})).rows
    frame = pd.DataFrame(
        {
            "signal": ["credit", "dma_streak", "hyperscaler_capex"],
            "value": [0.01, 131.0, 2.6e11],
            "percentile": [0.4, 1.0, np.nan],
            "definition": ["", "closes above", ""],
            "unit": ["return", "sessions", "USD"],
            "fragile": ["low", "high", "neither"],
            "then": [0.02, 128.0, 2.5e11],
        }
    )
    frame.attrs = {"note_session": "2025-10-31"}
    page = tape.tape(SimpleNamespace(regime=frame))
    assert [row[0].text for row in page.rows] == ["dma streak", "hyperscaler capex", "credit"]  # in the note's order
    assert [cell.text for cell in page.rows[0][1:6]] == ["Streak", "131", "100%", "high", "128"]
    assert page.rows[0][6].text.startswith("128 closes")
    assert page.rows[1][2].text == "$260.0bn"
    assert page.columns[5].title == "On 2025-10-31"
