"""A second basket beside the first, from YAML to attribution; and what no desk could hold, refused at its line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import market
from backtest import frames, pipeline
from backtest.accounts import Accounts
from backtest.ledger import replay
from backtest.legs import build_legs
from backtest.result import Result
from backtest.simulate import Simulation
from backtest.simulate.daily import daily_error
from backtest.spec import RunSpec
from backtest.terms import terms
from screens.loading import load, validate_files

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TWO_BASKETS = """\
kind: run
name: two_baskets
book: ../books/mega_cap.yaml
basket: ../baskets/low_quality.yaml
span: {start: 2020-01-17, end: 2020-12-31}
shorts:
  - {name: pure, basket: ../baskets/pure_low_quality.yaml, ratio: 0.2}
  - {name: synthetic, basket: ../baskets/pure_low_quality.yaml, hedge: {estimator: beta_matched}, implementation: swap}
  - {name: fund, index: IWM, ratio: 0.1, implementation: swap}
hedge: {estimator: ols, window: 252, min_sessions: 120}
recalls: {hazard_per_month: 0.3}
bootstrap: {draws: 100}
benchmarks: [SPY]
placebos: {best_quality: false, random_draws: 0}
"""


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(CONFIGS, tmp_path_factory.mktemp("legs") / "configs"))


@pytest.fixture(scope="module")
def result(configs: Path) -> Result:
    file = configs / "runs" / "two_baskets.yaml"
    file.write_text(TWO_BASKETS)
    return pipeline.run(load(file, RunSpec), market.open("sample"))


@pytest.fixture(scope="module")
def both(result: Result) -> tuple[Simulation, Simulation]:
    """Unhedged and hedged, opened again from the result's own legs."""
    legs = build_legs(result.spec, result.market)
    accounts = Accounts(legs, terms(result.spec, legs.data, legs.panel))
    return accounts.simulate(), accounts.hedged(legs.ratio_path(legs.short.returns)["target"])


def test_two_more_baskets_are_one_account_in_three_ledgers(result: Result, both: tuple[Simulation, Simulation]) -> None:
    _, hedged = both
    assert hedged.sleeves == ("book", "basket", "pure", "synthetic", "fund")
    assert hedged.nav.tobytes() == result.nav["hedged"].to_numpy().tobytes()
    assert replay(hedged.account).error(hedged.nav) < 1e-9
    assert daily_error(hedged) < 1e-9
    assert max(result.summary["ledger"].values()) < 1e-9
    assert hedged.value[0, 2] == pytest.approx(-0.2 * hedged.long_value[0])
    # Other names than the first basket's, and those of the weights that the run tells.
    held = hedged.positions()["pure"]
    pure = result.weights[result.weights["sleeve"] == "pure"]
    assert set(pure["ticker"]) - set(result.weights.query("sleeve == 'basket'")["ticker"])
    assert set(held.columns) >= set(pure["ticker"])


def test_parts_of_every_basket_sum_to_the_change_by_day_and_name(
    result: Result, both: tuple[Simulation, Simulation]
) -> None:
    book, hedged = both
    change = np.diff(hedged.nav, prepend=result.spec.initial_nav)
    rounding = 1e-9 * hedged.nav.min()
    by_day = hedged.daily_by_sleeve().groupby("date")["usd"].sum().reindex(hedged.sessions, fill_value=0.0)
    assert np.abs(by_day.to_numpy() - change).max() < rounding
    profit = hedged.profit_by_name()
    assert np.abs(profit.sum(axis=1).to_numpy() - change).max() < rounding
    for s, sleeve in enumerate(hedged.sleeves):
        whole = sum(getattr(hedged, kind)[:, s] for kind in ("gain", "trading", "dividends", "borrow", "rebate"))
        assert np.abs(profit[sleeve].sum(axis=1).to_numpy() - whole).max() < rounding
    parts = frames.attribution_by_sleeve(book, hedged)
    assert set(parts) == {"book", "basket", "pure", "synthetic", "fund", "account"}
    gap = hedged.nav[-1] - book.nav[-1]
    assert sum(part["total"] for part in parts.values()) == pytest.approx(gap, abs=rounding)
    assert parts["pure"]["borrow"] < 0
    for by_swap in ("synthetic", "fund"):
        assert "borrow" not in parts[by_swap]  # the dealer's spread instead


def test_each_leg_is_held_as_it_says(both: tuple[Simulation, Simulation]) -> None:
    shorts = {short.name: short for short in both[1].account.shorts}
    assert shorts["pure"].recalls is not None
    assert shorts["pure"].swap is None
    for by_swap in ("synthetic", "fund"):
        assert shorts[by_swap].recalls is None
        assert shorts[by_swap].swap is not None


REG_T = "margin: a swap is not margined under Regulation T; use rules: portfolio, or enforce: false"
NO_LOAN = "recalls: no basket is held in borrowed stock; a swap has no shares to call back"
NO_SIZE = "a has neither ratio nor hedge; only hedge.estimator: multi_instrument sizes legs together"
ALONE = "multi_instrument sizes the basket together with others; name them in shorts, without ratio or hedge"
FUND = "  - {name: a, index: SPY, ratio: 0.1}\n"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("implementation: swap\nmargin: {rules: reg_t, enforce: true}\n", f"6:1: {REG_T}"),
        (
            f"shorts:\n{FUND.replace('}', ', implementation: swap}')}margin:\n  rules: reg_t\n  enforce: true\n",
            f"7:1: {REG_T}",
        ),
        ("implementation: swap\nrecalls: {hazard_per_month: 0.1}\n", f"6:1: {NO_LOAN}"),
        (f"implementation: swap\nshorts:\n{FUND}recalls: {{hazard_per_month: 0.1}}\n", f"8:1: {NO_LOAN}"),
        ("shorts:\n  - {name: a, index: SPY}\n", f"5:1: shorts: {NO_SIZE}"),
        ("hedge:\n  window: 252\n  estimator: multi_instrument\n", f"7:3: hedge.estimator: {ALONE}"),
        (f"hedge: {{estimator: multi_instrument}}\nshorts:\n{FUND}", f"6:1: shorts: hedge.estimator: {ALONE}"),
        ("\n\nmargin:\n  enforce: true\n", "8:3: margin.enforce: true needs rules to enforce: reg_t or portfolio"),
    ],
)
def test_what_no_desk_could_hold_is_refused_at_its_line(configs: Path, lines: str, told: str) -> None:
    file = configs / "runs" / "refused.yaml"
    file.write_text(
        "kind: run\nname: refused\nbook: ../books/mega_cap.yaml\nbasket: ../baskets/low_quality.yaml\n" + lines
    )
    problems = [str(problem).rpartition("/runs/")[2] for problem in validate_files([file])]
    assert problems == [f"refused.yaml:{told}"]
