"""The registry, and what must hold for every metric in it."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import numpy as np
import pytest

import market
from market.errors import ConfigError, DataError
from market.facts import ITEMS
from market.tables import TABLES
from screens.asked import asked_by_metrics
from screens.metrics import REGISTRY
from screens.registry import Values, lookup, metric, suggestions


def test_at_least_sixty_metrics_in_every_family_asked_for():
    assert len(REGISTRY) >= 60
    families = {entry.family for entry in REGISTRY.values()}
    assert families >= {
        "leverage", "distress", "profitability", "quality", "refinancing", "valuation", "momentum", "liquidity",
        "crowding", "ai_exposure",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_metric_says_what_it_is(name):
    entry = REGISTRY[name]
    assert entry.name == name
    assert all((entry.unit, entry.formula, entry.source))
    assert entry.needs
    for need in entry.needs:
        table = need.removeprefix("table:")
        assert table in TABLES if need.startswith("table:") else need in ITEMS


def test_lookup_suggests():
    assert lookup("roa").name == "roa"
    with pytest.raises(ConfigError, match=r"unknown metric 'altman' \(did you mean 'altman_z'\?\)"):
        lookup("altman")
    assert "gross_profit_assets" in suggestions("gross_profit_asset")


def test_parameters_are_checked_in_words():
    entry = REGISTRY["ai_beta"]
    assert entry.param_problems({"factor": "SMH", "window": 252, "half_life": 63}) == []
    (unknown,) = entry.param_problems({"windw": 252})
    assert unknown == (
        "ai_beta has no parameter 'windw' (did you mean 'window'?); it takes: factor, market, window, half_life,"
        " fewest, lags, t_min, shrink, index, basket"
    )
    assert entry.param_problems({"window": "252"}) == ["ai_beta: window is '252'; expected a whole number"]
    assert entry.param_problems({"window": 5}) == ["ai_beta: window is 5; at least 40"]
    assert entry.param_problems({"shrink": 1}) == ["ai_beta: shrink is 1; expected true or false"]
    assert entry.param_problems({"window": True}) == ["ai_beta: window is true; expected a whole number"]
    assert entry.param_problems({"factor": None}) == ["ai_beta: factor cannot be empty; expected text"]
    assert entry.param_problems({"basket": None, "t_min": 1}) == []
    merton = REGISTRY["merton_distance_to_default"]
    assert merton.param_problems({"method": "guess"}) == [
        "merton_distance_to_default: method is 'guess'; expected one of two_equation, iterative"
    ]


def test_a_parameter_that_is_not_there_raises_before_anything_is_computed(planted):
    with pytest.raises(ConfigError, match="roa has no parameter 'window'; it takes: none"):
        REGISTRY["roa"](planted(1), window=3)


def test_two_metrics_of_one_name_are_an_error_of_the_programmer():
    def roa(view: object) -> Values:
        return Values(np.zeros(1))

    with pytest.raises(ValueError, match="two metrics named roa"):
        metric(family="leverage", unit="x", direction="neutral", formula="f", source="s", needs=("assets",))(roa)


def test_importing_the_metrics_stays_light():
    code = (
        "import sys, screens.metrics; print([m for m in ('pandas', 'scipy', 'pydantic', 'yaml') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def random_view(planted, n=60, seed=1):
    """A view in which everything is known for most names, negative figures included."""
    rng = np.random.default_rng(seed)
    signed = {"net_income", "operating_income", "pretax_income", "equity", "retained_earnings", "cash_from_operations"}
    items = {}
    for item in ITEMS:
        for basis, lags in (("ttm", 9), ("latest", 26), ("quarter", 26), ("year", 7)):
            level = rng.lognormal(0, 1, n) * 1e9
            for lag in range(lags):
                values = level * rng.lognormal(0, 0.2, n) - (2e9 if item in signed else 0)
                values[rng.random(n) < 0.1] = np.nan
                items[item, basis, lag] = values
    market = rng.normal(0.0004, 0.01, 1300)
    returns = market[:, None] * rng.normal(1, 0.3, n) + rng.normal(0, 0.02, (1300, n))
    returns[:1100, :3] = np.nan
    returns[rng.random(returns.shape) < 0.002] = np.nan
    return planted(
        n,
        items,
        returns=returns,
        funds={"SPY": market, "SMH": market + rng.normal(0, 0.01, 1300)},
        market_cap=rng.lognormal(0, 1, n) * 1e10,
        close=rng.uniform(5, 300, n),
        dollar_volume=rng.lognormal(0, 1, n) * 1e8,
        short_percent_of_float=rng.uniform(0, 30, n),
        shares_short=rng.uniform(1e6, 1e8, n),
        borrow_fee=rng.uniform(0.002, 0.1, n),
        borrow_known=np.ones(n, dtype=bool),
        sector=rng.choice(["Industrials", "Energy", "Financials", "Utilities", "Health Care"], n),
        industry=rng.choice(["Steel", "Restaurants", "Application Software"], n),
        rate=0.03,
        **{f"adoption_density {s}": rng.exponential(3, n) for s in (("1", "7"), ("1",), ("7",), ("1a",))},
        **{"infrastructure_density None": rng.exponential(3, n)},
        tags={"hyperscaler": ["T0001"], "ai_financed": ["T0002", "T0009"]},
    )


def reordered(view, order):
    """The same companies in another order of rows."""
    copy = type(view)(len(order), {key: value[order] for key, value in view.items.items()})
    copy.tickers = view.tickers[order]
    copy.session = view.session
    copy.market.sessions = view.market.sessions
    n = len(order)
    for name, fact in view.facts.items():
        shape = np.shape(fact)
        if name in ("funds", "tags"):
            copy.facts[name] = fact
        elif shape and shape[-1] == n:
            copy.facts[name] = np.asarray(fact)[..., order]
        else:
            copy.facts[name] = fact
    return copy


def test_row_order_never_matters_to_the_last_bit(planted):
    view = random_view(planted)
    order = np.random.default_rng(4).permutation(len(view.tickers))
    other = reordered(view, order)
    for name, entry in REGISTRY.items():
        first, second = entry(view), entry(other)
        np.testing.assert_array_equal(second.value, first.value[order], err_msg=name)
        if first.tier is not None:
            np.testing.assert_array_equal(second.tier, first.tier[order], err_msg=name)
            np.testing.assert_array_equal(second.key, first.key[order], err_msg=name)


def test_every_metric_answers_for_every_name_in_the_right_shape(planted):
    view = random_view(planted)
    for name, entry in REGISTRY.items():
        values = entry(view)
        assert values.value.shape == (60,), name
        assert values.value.dtype == np.float64, name
        assert not np.isinf(values.value).any(), name
        assert values.known().any(), name
        bad = values.badness(entry.direction)
        np.testing.assert_array_equal(np.isfinite(bad), values.known(), err_msg=name)


def test_nothing_known_gives_nothing_not_zero(planted):
    empty = planted(4, {}, returns=np.full((300, 4), np.nan), funds={"SPY": np.zeros(300), "SMH": np.zeros(300)})
    always = {
        "ai_tagged",
        "price",
        "traded_share",
        "borrow_fee",
        "ai_industry_exposure",
        "ai_at_risk",
        "ai_disagreement",
    }
    for name, entry in REGISTRY.items():
        if name not in always:
            assert not entry(empty).known().any(), name


def test_inputs_are_not_changed(planted):
    view = random_view(planted, n=20)
    before = {key: value.copy() for key, value in view.items.items()}
    returns = view.facts["returns"].copy()
    for entry in REGISTRY.values():
        entry(view)
    for key, value in before.items():
        np.testing.assert_array_equal(view.items[key], value)
    np.testing.assert_array_equal(view.facts["returns"], returns)


def test_what_metrics_read_of_the_statements_is_known_beforehand():
    """One company with one fact shows the same reads as the sample: a store filled for them serves every metric."""
    sample = market.open("sample")
    view = sample.as_of("2024-06-28")
    for name in REGISTRY:
        with contextlib.suppress(DataError):
            REGISTRY[name](view)
    assert sample.statements.asked <= asked_by_metrics()
    assert {("revenue", "ttm", 0), ("net_income", "quarter", 23), ("equity", "latest", 20)} <= asked_by_metrics()
