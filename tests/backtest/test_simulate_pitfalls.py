"""Every pitfall of feeding vectorbt a long/short book, as a named test: what it does, and that our accounts do not."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.exposure import exposures, turnover
from backtest.ledger import replay
from backtest.planted import PlantedPanel, planted_account, planted_panel, planted_targets
from backtest.simulate import Account, Costs, Delistings, Financing, ShortSleeve, simulate
from backtest.simulate.daily import daily_error, daily_portfolio
from market.errors import DataError

PACKAGE = Path(__file__).parents[2] / "backtest"


def panel_of(close, dividend=None, split=None, start="2024-01-02") -> PlantedPanel:
    close = np.array(close, dtype=float)
    return PlantedPanel(
        pd.bdate_range(start, periods=len(close)).astype("datetime64[ns]"),
        pd.Index([f"N{i}" for i in range(close.shape[1])]),
        close,
        np.zeros_like(close) if dividend is None else np.array(dividend, dtype=float),
        np.ones_like(close) if split is None else np.array(split, dtype=float),
    )


def one_hot(*weights: float) -> np.ndarray:
    return np.array(weights, dtype=float)


@pytest.fixture(scope="module")
def vbt():
    from backtest.simulate.vbt import vbt

    return vbt


def naive(vbt, close, size, fees=0.0, **options):
    return vbt.Portfolio.from_orders(
        pd.DataFrame(close), size=size, size_type="targetpercent", direction="both", group_by=True, cash_sharing=True,
        call_seq="auto", init_cash=100.0, fees=fees, freq="1D", **options,
    )  # fmt: skip


# --- what leaves, ends or halts -------------------------------------------------------------------


def test_leavers_given_nan_stay_short_in_vectorbt_and_are_bought_back_here(vbt):
    close = np.full((4, 3), 10.0)
    nan = np.nan
    size = np.array([[1.0, -0.5, nan], [nan] * 3, [nan, nan, -0.5], [nan] * 3])
    assert naive(vbt, close, size).assets().iloc[-1].tolist() == [10.0, -5.0, -5.0]
    sleeve = ShortSleeve("basket", {0: one_hot(0, 1, 0), 2: one_hot(0, 0, 1)}, 0.5)
    sim = simulate(Account(panel_of(close), {0: one_hot(1, 0, 0)}, (sleeve,), initial_nav=100.0))
    assert sim.positions().iloc[-1].to_dict() == {("book", "N0"): 10.0, ("basket", "N1"): 0.0, ("basket", "N2"): -5.0}


def test_a_missing_price_freezes_a_position_in_vectorbt_and_closes_it_at_the_terminal_price_here(vbt):
    close = np.full((12, 2), 10.0)
    close[4:, 1] = np.nan
    size = np.full((12, 2), np.nan)
    size[0], size[6, 1] = [1.0, -0.5], 0.0
    assert naive(vbt, close, size).assets().iloc[-1].tolist() == [10.0, -5.0]  # ignored: short for ever
    known = Delistings(np.array(["NaT", "2024-01-05"], dtype="datetime64[ns]"), np.array([0.0, -0.4]))
    account = Account(
        panel_of(close), {0: one_hot(1, 0)}, (ShortSleeve("basket", {0: one_hot(0, 1)}, 0.5),), initial_nav=100.0,
        delistings=known,
    )  # fmt: skip
    sim = simulate(account)
    assert sim.positions()[("basket", "N1")].tolist() == [-5.0] * 4 + [0.0] * 8
    assert sim.orders.iloc[-1]["price"] == pytest.approx(6.0)
    assert sim.nav[-1] == pytest.approx(100.0 + 5.0 * 4.0)
    # Unannounced, it is a halt until more than five sessions have gone by without a price.
    silent = simulate(replace(account, delistings=None))
    assert silent.positions()[("basket", "N1")].tolist() == [-5.0] * 9 + [0.0] * 3


def test_a_total_loss_has_a_price_above_zero():
    close = np.full((4, 2), 10.0)
    close[2:, 1] = np.nan
    known = Delistings(np.array(["NaT", "2024-01-03"], dtype="datetime64[ns]"), np.array([0.0, -1.0]))
    account = Account(
        panel_of(close),
        {0: one_hot(1, 0)},
        (ShortSleeve("b", {0: one_hot(0, 1)}, 0.5),),
        initial_nav=100.0,
        delistings=known,
    )
    sim = simulate(account)
    assert sim.orders.iloc[-1]["price"] == pytest.approx(10e-6)
    assert sim.nav[-1] == pytest.approx(150.0, rel=1e-6)


def test_a_missing_price_at_a_rebalance_leaves_no_weight_uninvested(vbt):
    close = np.full((3, 4), 10.0)
    close[0, 3] = np.nan
    shorted = naive(vbt, close, np.array([[1.0, -0.2, -0.2, -0.1]] + [[np.nan] * 4] * 2))
    assert shorted.asset_value(group_by=False).iloc[0, 1:].sum() == pytest.approx(-40.0)  # asked for -50
    sleeve = ShortSleeve("basket", {0: one_hot(0, 0.4, 0.4, 0.2)}, 0.5)
    sim = simulate(Account(panel_of(close), {0: one_hot(1, 0, 0, 0)}, (sleeve,), initial_nav=100.0))
    assert sim.short_value[0] == pytest.approx(-50.0)
    with pytest.raises(DataError, match="none of the 1 names"):
        simulate(Account(panel_of(close), {0: one_hot(0, 0, 0, 1)}))


def test_a_halted_leaver_goes_at_its_first_trade_and_the_rest_make_room():
    close = np.full((8, 3), 10.0)
    close[2:5, 1] = np.nan
    book = {0: one_hot(0.5, 0.5, 0), 3: one_hot(0.5, 0, 0.5)}
    sim = simulate(Account(panel_of(close), book, initial_nav=100.0))
    held = sim.positions()["book"]
    assert held["N1"].tolist() == [5.0] * 5 + [0.0] * 3
    assert held.loc[sim.sessions[3]].tolist() == [2.5, 5.0, 2.5]  # the stuck half leaves half to share


def test_one_missing_price_does_not_poison_the_account():
    account = planted_account(21, limits=False)
    panel = account.panel
    close = panel.close.copy()
    close[10, 0] = np.nan
    assert np.isfinite(simulate(replace(account, panel=replace(panel, close=close))).nav).all()


# --- cash -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("long", "short"), [(1.3, 0.3), (1.5, 0.3), (2.0, 0.0)])
def test_130_30_is_filled_as_asked_and_the_debit_is_negative_cash(vbt, long, short):
    close = np.full((3, 2), 10.0)
    size = np.array([[long, -short], [np.nan] * 2, [np.nan] * 2])
    clipped = naive(vbt, close, size).asset_value(group_by=False).iloc[0].tolist()
    assert clipped[0] == pytest.approx(100.0 + 100.0 * short)  # vectorbt stops at the cash it has
    sleeves = (ShortSleeve("basket", {0: one_hot(0, 1)}, short / long),) if short else ()
    sim = simulate(
        Account(
            panel_of(close),
            {0: one_hot(long, 0)},
            sleeves,
            initial_nav=100.0,
            financing=Financing(0.05, debit_spread=0.01),
        )
    )
    assert sim.long_value[0] == pytest.approx(100.0 * long)
    assert sim.short_value[0] == pytest.approx(-100.0 * short)
    assert sim.cash[0] == pytest.approx(100.0 * (1 - long + short))
    assert sim.lines["margin"].iloc[1] == pytest.approx(-100.0 * (long - 1) * 0.06 / 360)
    assert daily_error(sim) < 1e-12


def test_costs_are_paid_out_of_the_investment_and_never_by_debit():
    account = Account(
        panel_of(np.full((3, 2), 10.0)), {0: one_hot(0.5, 0.5)}, costs=Costs(half_spread=0.01), initial_nav=100.0
    )
    sim = simulate(account)
    assert sim.cash[0] == pytest.approx(0.0, abs=1e-12)
    assert sim.nav[0] == pytest.approx(100.0 / 1.01)


def test_the_order_of_longs_and_shorts_does_not_matter():
    account = planted_account(33, limits=False)
    swapped = replace(account, shorts=account.shorts[::-1])
    assert np.abs(simulate(swapped).nav / simulate(account).nav - 1).max() < 1e-13


def test_ruin_ends_the_account_with_its_date(vbt):
    close = np.full((6, 2), 10.0)
    close[3:, 1] = 40.0
    stuck = naive(vbt, close, np.array([[1.0, -0.5]] + [[np.nan] * 2] * 3 + [[0.0, 0.0]] + [[np.nan] * 2]))
    assert stuck.assets().iloc[-1, 1] == -5.0  # vectorbt rejects even the order to get out
    sim = simulate(
        Account(panel_of(close), {0: one_hot(1, 0)}, (ShortSleeve("b", {0: one_hot(0, 1)}, 0.5),), initial_nav=100.0)
    )
    assert sim.ruined == 3
    assert sim.nav.tolist() == [100.0] * 3 + [-50.0] * 3
    assert sim.value[3:].tolist() == [[0.0, 0.0]] * 3
    assert sim.returns[4:].tolist() == [0.0, 0.0]
    assert replay(sim.account).ruined == 3
    assert daily_error(sim) < 1e-12


# --- time -----------------------------------------------------------------------------------------


def test_an_order_fills_at_the_close_of_its_session_and_earns_from_the_next():
    close = np.array([[10.0], [20.0], [30.0]])
    sim = simulate(Account(panel_of(close), {1: one_hot(1.0)}, initial_nav=100.0))
    assert sim.nav.tolist() == pytest.approx([100.0, 100.0, 150.0])


def test_a_buyer_on_the_ex_date_gets_no_dividend_and_a_short_of_the_day_before_owes_it():
    close, dividend = np.full((3, 2), 10.0), np.zeros((3, 2))
    dividend[1] = 1.0
    bought = simulate(Account(panel_of(close, dividend), {1: one_hot(1, 0)}, initial_nav=100.0))
    assert bought.lines["dividends_received"].sum() == 0.0
    short = ShortSleeve("b", {0: one_hot(0, 1)}, 0.5)
    sim = simulate(Account(panel_of(close, dividend), {0: one_hot(1, 0)}, (short,), initial_nav=100.0))
    assert sim.lines["dividends_owed"].tolist() == [0.0, -5.0, 0.0]
    assert sim.lines["dividends_received"].tolist() == [0.0, 10.0, 0.0]


def test_fees_accrue_each_calendar_day_and_settlement_may_lag():
    close = np.full((6, 2), 10.0)  # Thursday 29 August 2024 to Friday 6 September; Monday is a holiday
    days = pd.DatetimeIndex(["2024-08-29", "2024-08-30", "2024-09-03", "2024-09-04", "2024-09-05", "2024-09-06"])
    panel = replace(panel_of(close), sessions=days)
    short = ShortSleeve("b", {0: one_hot(0, 1)}, 0.5)
    account = Account(panel, {0: one_hot(1, 0)}, (short,), initial_nav=100.0, borrow_fee=0.36)
    per_day = 50.0 * 0.36 / 360
    assert (-simulate(account).lines["borrow"] / per_day).round(9).tolist() == [0, 1, 4, 1, 1, 1]
    # T+1: the night of Thursday settles Friday to Tuesday.
    lagged = simulate(replace(account, financing=Financing(settlement="standard")))
    assert (-lagged.lines["borrow"] / per_day).round(9).tolist() == [0, 4, 1, 1, 1, 3]


# --- names, shapes, settings ----------------------------------------------------------------------


def test_a_name_held_long_and_short_is_two_positions(vbt):
    sim = simulate(
        Account(
            panel_of(np.full((2, 1), 10.0)),
            {0: one_hot(1.0)},
            (ShortSleeve("b", {0: one_hot(1.0)}, 0.4),),
            initial_nav=100.0,
        )
    )
    assert sim.positions().iloc[-1].to_dict() == {("book", "N0"): 10.0, ("b", "N0"): -4.0}


def test_several_baskets_and_an_index_short_share_one_cash_account():
    panel = planted_panel(2, 80, 9, dividends=0.02)
    book = planted_targets(1, panel, range(3), 3, 20)
    sleeves = (
        ShortSleeve("one", planted_targets(2, panel, range(3, 6), 2, 15), 0.3),
        ShortSleeve("two", planted_targets(3, panel, range(5, 8), 2, 10), 0.2),
        ShortSleeve("index", {0: np.eye(9)[8]}, 0.4),
    )
    account = Account(panel, book, sleeves, costs=Costs(1e-3), financing=Financing(0.03, 0.003), borrow_fee=0.01)
    sim = simulate(account)
    assert sim.value[0, 1:] == pytest.approx(-sim.long_value[0] * np.array([0.3, 0.2, 0.4]), rel=1e-12)
    assert replay(account).error(sim.nav) < 1e-12
    assert daily_error(sim) < 1e-11


def test_exposure_is_over_nav_unlike_vectorbts(vbt):
    sim = simulate(planted_account(5, limits=False))
    ours = exposures(sim)
    assert ours["net"].to_numpy() == pytest.approx((sim.long_value + sim.short_value) / sim.nav)
    assert ours["gross"].to_numpy() == pytest.approx((sim.long_value - sim.short_value) / sim.nav)
    close = np.full((2, 2), 10.0)
    theirs = naive(vbt, close, np.array([[1.0, -0.5], [np.nan] * 2]))
    assert theirs.net_exposure().iloc[-1] != pytest.approx(0.5, abs=0.2)


def test_turnover_is_one_way_and_leaves_the_first_trade_out():
    close = np.full((253, 3), 10.0)
    book = {0: one_hot(0.5, 0.5, 0), 100: one_hot(0.5, 0, 0.5)}
    sim = simulate(Account(panel_of(close, start="2023-01-02"), book, initial_nav=100.0))
    assert turnover(sim)["book"] == pytest.approx(0.5)  # half the book replaced once in a year of 252 steps


def test_year_is_252_sessions_and_freq_is_a_day_before_any_metric(vbt):
    portfolio = daily_portfolio(simulate(planted_account(5, limits=False)))
    daily = portfolio.returns()
    # vectorbt's default of 365 days would inflate volatility by sqrt(365 / 252) = 1.2035.
    assert portfolio.annualized_volatility() == pytest.approx(daily.std(ddof=1) * np.sqrt(252), rel=1e-12)
    assert str(vbt.settings.returns["year_freq"]).startswith("252")
    assert pd.Timedelta(portfolio.wrapper.freq) == pd.Timedelta("1D")


def test_cost_vectors_are_never_read_as_sessions():
    panel = planted_panel(4, 20, 8)
    book = {0: np.full(8, 1 / 8)}
    per_name = simulate(Account(panel, book, costs=Costs(half_spread=np.linspace(0, 0.007, 8))))
    assert -per_name.lines["trading"].sum() == pytest.approx((np.linspace(0, 0.007, 8) * per_name.nav[0] / 8).sum())
    per_day = simulate(Account(panel, book, costs=Costs(half_spread=np.linspace(0.01, 0.02, 20))))
    assert per_day.nav[0] == pytest.approx(100e6 / 1.01)


def test_order_records_grow_as_needed():
    panel = planted_panel(4, 130, 60)
    daily = planted_targets(4, panel, range(60), 50, 1)
    assert len(simulate(Account(panel, daily)).records) > 4096


def test_both_vectorbt_engines_give_the_same_records():
    if importlib.util.find_spec("vectorbt_rust") is None:
        pytest.skip("vectorbt-rust is not installed")
    sim = simulate(planted_account(5, limits=False))
    rust, numba = (daily_portfolio(sim, engine) for engine in ("rust", "numba"))
    pd.testing.assert_frame_equal(rust.orders.records, numba.orders.records)
    ours = np.sort(sim.records["size"])
    theirs = rust.orders.records
    assert np.sort(theirs.loc[theirs["fees"].notna() & (theirs["col"] < theirs["col"].max()), "size"]) == pytest.approx(
        ours
    )


def test_the_rust_wheel_has_the_version_of_vectorbt():
    if importlib.util.find_spec("vectorbt_rust") is None:
        pytest.skip("vectorbt-rust is not installed")
    versions = [importlib.metadata.version(n).split(".")[:2] for n in ("vectorbt", "vectorbt-rust")]
    assert versions[0] == versions[1]


def test_vectorbt_is_imported_by_one_file():
    importing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(n.split(".")[0] == "vectorbt" for n in names):
                importing.append((path.relative_to(PACKAGE).as_posix(), id(node) in guarded))
    at_run_time = {name for name, only_for_types in importing if not only_for_types}
    assert at_run_time == {"simulate/vbt.py"}, importing


def test_the_ledger_and_the_package_load_without_vectorbt_or_numba():
    code = "import sys, backtest.ledger, backtest.simulate; print('vectorbt' in sys.modules, 'numba' in sys.modules)"
    root = str(PACKAGE.parent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == ["False", "False"]


def test_compiled_code_is_kept_where_asked_and_only_ours_is_moved(tmp_path):
    code = (
        "import numba\n"
        "from backtest.simulate import jit\n"
        "before = numba.config.CACHE_DIR\n"
        "with jit.library_cache(): print(numba.config.CACHE_DIR)\n"
        "with jit.engine_cache(): print(numba.config.CACHE_DIR)\n"
        "print(numba.config.CACHE_DIR == before)\n"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=str(PACKAGE.parent), env=env
    )
    library, engine, restored = done.stdout.split()
    assert library.startswith(str(tmp_path))
    assert importlib.metadata.version("vectorbt") in library
    assert engine.startswith(str(tmp_path))
    assert engine != library
    assert restored == "True"
