"""What must hold for every estimator: least risk, equivariance, refusals, honest errors, no look-ahead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import basket.hedge as hedge
from basket.hedge import measures, walk
from basket.hedge.registry import REGISTRY, Estimator
from basket.hedge.result import DegenerateHedgeError, ShortHistoryError
from market.errors import ConfigError, DataError

NAMED = [
    *("dollar_neutral", "beta_matched", "ols", "rolling", "ewma", "blume", "vasicek", "scholes_williams", "dimson"),
    *("tls", "huber", "quantile", "downside_beta", "lower_partial_moment", "min_semivariance", "min_cvar"),
    *("min_drawdown", "mean_variance", "kalman", "ccc_garch", "dcc_garch", "volatility_parity", "factor_neutral"),
    "multi_instrument",
]

N = 500
SESSIONS = pd.bdate_range("2020-01-02", periods=N)


def planted(seed: int = 0) -> dict[str, pd.Series | pd.DataFrame]:
    random = np.random.default_rng(seed)
    market = pd.Series(random.standard_t(5, N) * 0.008, SESSIONS)
    basket = 1.2 * market + pd.Series(random.normal(0, 0.007, N), SESSIONS)
    book = 0.9 * market + 0.2 * (basket - 1.2 * market) + pd.Series(random.normal(0.0004, 0.004, N), SESSIONS)
    factors = pd.DataFrame({"market": market, "size": random.normal(0, 0.005, N)}, index=SESSIONS)
    further = pd.DataFrame({"SPY": market + random.normal(0, 0.002, N)}, index=SESSIONS)
    return {"book": book, "basket": basket, "market": market, "factors": factors, "instruments": further}


def keywords(kind: str, data: dict[str, pd.Series | pd.DataFrame]) -> dict[str, object]:
    if kind == "mean_variance":
        return {"gamma": 5.0, "carry": 0.01}
    return {name: data[name] for name in REGISTRY[kind].series if name in data}


def test_every_promised_name_is_there_and_documents_itself() -> None:
    assert set(NAMED) <= set(hedge.ESTIMATORS)
    for kind, function in hedge.ESTIMATORS.items():
        assert function.__doc__, kind
        positional = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.KEYWORD_ONLY]
        assert [p.name for p in positional] == ["long_returns", "hedge_returns"], kind


@pytest.mark.parametrize("kind", NAMED)
def test_every_estimator_runs_with_an_error_and_its_span(kind: str) -> None:
    data = planted()
    found = hedge.estimate(kind, data["book"], data["basket"], **keywords(kind, data))
    assert np.isfinite(found.value)
    assert np.isfinite(found.stderr)
    assert found.stderr >= 0.0
    assert found.end == SESSIONS[-1]
    assert found.start == (SESSIONS[-252] if kind == "rolling" else SESSIONS[0])
    assert found.diagnostics["n_dropped"] == 0
    # the bare ratio a walk-forward calls is the same number
    arrays = {
        k: np.asarray(v) if isinstance(v, pd.Series | pd.DataFrame) else v for k, v in keywords(kind, data).items()
    }
    bare = REGISTRY[kind].ratio(data["book"].to_numpy(), data["basket"].to_numpy(), **arrays)
    assert float(np.atleast_1d(bare)[0]) == pytest.approx(found.value, rel=1e-12)


@pytest.mark.parametrize("kind", NAMED)
def test_a_missing_session_is_dropped_not_zeroed(kind: str) -> None:
    data = planted()
    holed = data["book"].copy()
    holed.iloc[37] = np.nan
    kept = {name: of.drop(SESSIONS[37]) for name, of in data.items()}
    with_hole = hedge.estimate(kind, holed, data["basket"], **keywords(kind, data))
    without = hedge.estimate(kind, kept["book"], kept["basket"], **keywords(kind, kept))
    assert with_hole.value == without.value
    assert with_hole.diagnostics["n_dropped"] == 1


@pytest.mark.parametrize("kind", [k for k in NAMED if k != "dollar_neutral"])
def test_a_hedge_that_does_not_move_is_refused(kind: str) -> None:
    data = planted()
    data["basket"][:] = 0.001
    with pytest.raises(DataError):
        hedge.estimate(kind, data["book"], data["basket"], **keywords(kind, data))


@pytest.mark.parametrize("kind", [k for k in NAMED if k not in ("dollar_neutral",)])
def test_two_sessions_are_too_few(kind: str) -> None:
    data = {name: of.iloc[:1] for name, of in planted().items()}
    with pytest.raises(ShortHistoryError, match="session"):
        hedge.estimate(kind, data["book"], data["basket"], **keywords(kind, data))


@pytest.mark.parametrize("kind", NAMED)
def test_truncation_audit(kind: str) -> None:
    """Everything from a session on is replaced by garbage; ratios stamped up to that session do not change a bit."""
    data = planted()
    stamps = [SESSIONS[k] for k in (420, 460, 499)]
    options = {"dates": stamps, "band": 0.0, "bounds": (-50.0, 50.0)}
    honest = hedge.walk_forward(kind, data["book"], data["basket"], params=keywords(kind, data), **options)
    random = np.random.default_rng(99)
    for stamp in stamps:
        garbled = {name: of.copy() for name, of in data.items()}
        for of in garbled.values():
            later = of.index >= stamp
            of[later] = random.normal(0.3, 5.0, of[later].shape)
        again = hedge.walk_forward(kind, garbled["book"], garbled["basket"], params=keywords(kind, garbled), **options)
        pd.testing.assert_frame_equal(honest.loc[:stamp], again.loc[:stamp], check_exact=True)


def differences(kind: str) -> int:
    """Refits that change when everything from their own session on is garbled."""
    data = planted()
    stamps = [SESSIONS[k] for k in (420, 460, 499)]
    honest = hedge.walk_forward(kind, data["book"], data["basket"], dates=stamps)["raw"]
    changed = 0
    for stamp in stamps:
        garbled = data["book"].copy()
        garbled[garbled.index >= stamp] = 1.0
        again = hedge.walk_forward(kind, garbled, data["basket"], dates=stamps)["raw"]
        changed += int(honest[stamp] != again[stamp])
    return changed


@pytest.fixture
def plant() -> Iterator[Callable[[str, Callable[..., float]], str]]:
    planted_names = []

    def add(name: str, ratio: Callable[..., float]) -> str:
        REGISTRY[name] = Estimator(name, hedge.ESTIMATORS["ols"], ratio)
        planted_names.append(name)
        return name

    yield add
    for name in planted_names:
        del REGISTRY[name]


def test_the_future_is_not_behind_the_slice(plant: Callable[[str, Callable[..., float]], str]) -> None:
    """An estimator that reaches for the array its history was cut from finds only its history."""

    def reaching(book: np.ndarray, basket: np.ndarray) -> float:
        return float((book if book.base is None else book.base).mean())

    assert differences(plant("reaching", reaching)) == 0


def test_planted_look_ahead_is_caught(plant: Callable[[str, Callable[..., float]], str]) -> None:
    """One that smooths over the session it is for, by whatever door, changes when that session is garbled."""
    original = walk._fits

    def one_too_many(row: object, history: object, starts: np.ndarray, ends: np.ndarray, params: object) -> object:
        return original(row, history, starts, ends + 1, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "_fits", one_too_many)
        assert differences("ols") == 3
        assert differences("kalman") == 3
    assert differences("ols") == 0


def test_arrays_that_cannot_be_cut_are_refused_in_a_walk_forward() -> None:
    data = planted()
    with pytest.raises(DataError, match="cannot be cut"):
        hedge.walk_forward("beta_matched", data["book"], data["basket"], params={"market": data["market"].to_numpy()})


def test_parameters_out_of_range_and_unknown_are_config_errors() -> None:
    book, basket = planted()["book"], planted()["basket"]
    for kind, wrong in (
        ("ewma", {"lam": 1.0}),
        ("quantile", {"tau": 0.0}),
        ("min_cvar", {"alpha": 1.0}),
        ("lower_partial_moment", {"p": 0.5}),
        ("huber", {"t": 0.0}),
        ("dimson", {"lags": -1}),
        ("vasicek", {"prior_variance": -1.0}),
        ("mean_variance", {"gamma": 0.0, "carry": 0.0}),
        ("kalman", {"q": -1.0}),
        ("kalman", {"random_alpha": True, "q": 1e-4}),
        ("rolling", {"window": 1}),
        ("ols", {"windwo": 10}),
    ):
        with pytest.raises(ConfigError):
            hedge.estimate(kind, book, basket, **wrong)
    with pytest.raises(ConfigError, match="gamma and carry"):
        hedge.estimate("mean_variance", book, basket)
    with pytest.raises(ConfigError, match="needs market"):
        hedge.estimate("beta_matched", book, basket)
    with pytest.raises(ConfigError, match="did you mean 'kalman'"):
        hedge.estimate("kallman", book, basket)


def test_data_that_cannot_carry_an_estimator() -> None:
    data = planted()
    book, basket = data["book"], data["basket"]
    with pytest.raises(ShortHistoryError, match="400"):
        hedge.estimate("quantile", book.iloc[:399], basket.iloc[:399])
    with pytest.raises(DegenerateHedgeError, match=r"beta is .*0\.1"):
        hedge.estimate("beta_matched", book, 0.01 * basket, market=data["market"], prior_variance=None)
    alternating = pd.Series(np.where(np.arange(N) % 2, 0.01, -0.01), SESSIONS) + basket * 0.01
    with pytest.raises(DegenerateHedgeError, match="1 \\+ 2 rho"):
        hedge.estimate("scholes_williams", book, alternating)
    with pytest.raises(DegenerateHedgeError, match="collinear"):
        hedge.estimate("multi_instrument", book, basket, instruments=pd.DataFrame({"twin": 2 * basket}))
    with pytest.raises(DegenerateHedgeError, match="collinear"):
        hedge.estimate("factor_neutral", book, basket, factors=pd.DataFrame({"a": basket, "b": 2 * basket}))
    with pytest.raises(DegenerateHedgeError, match="no ratio is best"):
        hedge.estimate("min_drawdown", book, -basket.abs())
    with pytest.raises(DataError, match="share no session"):
        hedge.estimate("ols", book, basket.shift(freq="20000D"))
    with pytest.raises(DataError, match="infinite"):
        hedge.estimate("ols", book.where(book.index != SESSIONS[3], np.inf), basket)
    with pytest.raises(DataError, match="differ in length"):
        hedge.estimate("ols", book.to_numpy(), basket.to_numpy()[1:])
    with pytest.raises(DataError, match="unique and increasing"):
        hedge.estimate("ols", book.iloc[::-1], basket)
    assert "tail holds" in hedge.estimate("min_cvar", book.iloc[:252], basket.iloc[:252]).diagnostics["warning"]
    assert hedge.estimate("min_cvar", book.iloc[:400], basket.iloc[:400]).diagnostics["warning"] == ""


series = st.lists(st.floats(-0.08, 0.08).map(lambda x: round(x, 5)), min_size=60, max_size=60)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(book=series, basket=series, away=st.floats(-0.5, 0.5))
def test_each_ratio_has_the_least_of_its_own_risk(book: list[float], basket: list[float], away: float) -> None:
    random = np.random.default_rng(1)
    y, x = np.array(book) + random.normal(0, 0.01, 60), np.array(basket) + random.normal(0, 0.01, 60)
    risks = {
        "ols": measures.variance,
        "min_semivariance": measures.semivariance,
        "min_cvar": lambda r: -measures.cvar(r),
        "lower_partial_moment": lambda r: (np.minimum(r, 0.0) ** 2).mean(),
        "min_drawdown": lambda r: (np.maximum.accumulate(np.r_[0.0, r.cumsum()]) - np.r_[0.0, r.cumsum()]).max(),
    }
    for kind, risk in risks.items():
        try:
            ratio = float(np.asarray(REGISTRY[kind].ratio(y, x)))
        except DegenerateHedgeError:
            continue
        assert risk(y - ratio * x) <= risk(y - (ratio + away) * x) + 1e-12, kind


BOTH_WAYS = [
    *("ols", "rolling", "ewma", "scholes_williams", "dimson", "huber", "quantile", "lower_partial_moment"),
    *("min_semivariance", "min_cvar", "min_drawdown", "kalman", "ccc_garch"),
]


@settings(max_examples=6, deadline=None)
@given(scale=st.floats(0.01, 100.0), seed=st.integers(0, 50))
def test_scale_and_sign_equivariance(scale: float, seed: int) -> None:
    """Hedge in other units: the ratio in the reciprocal ones. Hedge upside down: the ratio changes sign."""
    data = planted(seed)
    book, basket = data["book"].to_numpy(), data["basket"].to_numpy()
    for kind in BOTH_WAYS:
        ratio = REGISTRY[kind].ratio
        # GARCH and Kalman maximise numerically
        loose = 2e-3 if kind in ("ccc_garch", "kalman") else 1e-8
        plain = float(ratio(book, basket))
        assert float(ratio(book, scale * basket)) == pytest.approx(plain / scale, rel=loose), kind
        assert float(ratio(scale * book, basket)) == pytest.approx(plain * scale, rel=loose), kind
        assert float(ratio(book, -basket)) == pytest.approx(-plain, rel=loose), kind
    for kind in ("tls", "blume", "vasicek", "volatility_parity", "downside_beta"):
        ratio = REGISTRY[kind].ratio
        assert float(ratio(scale * book, scale * basket)) == pytest.approx(float(ratio(book, basket)), rel=1e-8), kind


def test_total_least_squares_is_symmetric() -> None:
    data = planted(3)
    there = hedge.estimate("tls", data["book"], data["basket"]).value
    assert hedge.estimate("tls", data["basket"], data["book"]).value == pytest.approx(1.0 / there, rel=1e-10)


def test_frisch_waugh_lovell() -> None:
    """The basket's ratio beside SPY is the ratio of what SPY leaves of the book to what it leaves of the basket."""
    data = planted(4)
    spy = data["instruments"]["SPY"]
    left = [one - np.polyval(np.polyfit(spy, one, 1), spy) for one in (data["book"], data["basket"])]
    alone = hedge.estimate("ols", *left).value
    together = hedge.estimate(
        "multi_instrument", data["book"], data["basket"], instruments=data["instruments"], lower=-9, upper=9, gross=None
    )
    assert together.value == pytest.approx(alone, rel=1e-7)
    assert together.diagnostics["unconstrained"]["hedge"] == pytest.approx(alone, rel=1e-9)


def test_least_squares_goes_long_the_basket_beside_the_index_and_the_box_forbids_it() -> None:
    random = np.random.default_rng(5)
    market = random.normal(0, 0.01, N)
    basket = 1.4 * market + random.normal(0, 0.006, N)
    book = 1.1 * market - 0.15 * (basket - 1.4 * market) + random.normal(0, 0.003, N)
    found = hedge.estimate("multi_instrument", book, basket, instruments=market[:, None])
    assert found.diagnostics["unconstrained"]["hedge"] < -0.1
    assert 0.0 <= found.value < 1e-6
    assert np.isnan(found.stderr)
    assert "bound" in found.diagnostics["warning"]
    limited = hedge.estimate("multi_instrument", book, basket, instruments=market[:, None], gross=0.5)
    assert sum(limited.diagnostics["ratios"].values()) == pytest.approx(0.5, abs=1e-7)


def test_several_optimal_ratios_give_their_middle() -> None:
    """Two sessions decide the worst one; between 0 and 1 the third one keeps it flat."""
    book = np.array([-0.02, -0.02, 0.05, 0.05])
    basket = np.array([0.0, 0.0, 0.01, -0.01])
    found = hedge.estimate("min_cvar", book, basket, alpha=0.5)
    assert found.diagnostics["left"] == pytest.approx(-7.0)
    assert found.diagnostics["right"] == pytest.approx(7.0)
    assert found.value == pytest.approx(0.0, abs=1e-12)


def test_standard_errors_are_the_spread_of_the_estimates() -> None:
    kinds = ["ols", "ewma", "scholes_williams", "dimson", "tls", "huber", "lower_partial_moment", "min_semivariance"]
    kinds += [
        "volatility_parity",
        "factor_neutral",
        "mean_variance",
        "beta_matched",
        "quantile",
        "downside_beta",
        "blume",
    ]
    values: dict[str, list[float]] = {kind: [] for kind in kinds}
    errors: dict[str, list[float]] = {kind: [] for kind in kinds}
    for seed in range(120):
        data = planted(1000 + seed)
        for kind in kinds:
            found = hedge.estimate(kind, data["book"], data["basket"], **keywords(kind, data))
            values[kind].append(found.value)
            errors[kind].append(found.stderr)
    for kind in kinds:
        assert 0.75 < np.mean(errors[kind]) / np.std(values[kind], ddof=1) < 1.35, kind
