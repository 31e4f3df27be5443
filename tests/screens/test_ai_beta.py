"""AI beta: orthogonal, leave-one-out, with honest errors and shrinkage; dated baskets and tags."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import market
from market.errors import ConfigError
from screens.ai_basket import AiBasketSpec, factor_returns, live
from screens.ai_tags import read_tags
from screens.loading import load, validate_files
from screens.metrics import REGISTRY
from screens.metrics.factor_betas import ewma_weights, factor_betas, shrink, vasicek
from screens.screen import evaluate
from screens.spec import ScreenSpec

ROOT = Path(__file__).parents[2]
BASKET, TAGS = str(ROOT / "configs/ai/ai_leaders.yaml"), str(ROOT / "configs/ai/tags.csv")


@pytest.fixture
def sample():
    rng = np.random.default_rng(8)
    market = rng.normal(0.0004, 0.01, 252)
    factor = 1.2 * market + rng.normal(0, 0.008, 252)
    returns = market[:, None] * [0.7, 1.0, 1.4] + factor[:, None] * [0.5, 0.0, -0.4] + rng.normal(0, 0.015, (252, 3))
    return market, factor, returns


def test_frisch_waugh_lovell_against_statsmodels(sample):
    market, factor, returns = sample
    weights = ewma_weights(252, 63)
    betas = factor_betas(returns, market, factor, weights)
    for i in range(3):
        joint = sm.WLS(returns[:, i], sm.add_constant(np.column_stack([market, factor])), weights=weights)
        fit = joint.fit(cov_type="HAC", cov_kwds={"maxlags": 5})
        assert betas.factor[i] == pytest.approx(fit.params[2], rel=1e-10)
        assert betas.stderr[i] == pytest.approx(fit.bse[2], rel=1e-10)
        # the market beta beside an orthogonal factor is the simple one
        simple = sm.WLS(returns[:, i], sm.add_constant(market), weights=weights).fit()
        assert betas.market[i] == pytest.approx(simple.params[1], rel=1e-10)
        assert betas.gain[i] == pytest.approx(fit.rsquared - simple.rsquared, rel=1e-8)
        assert betas.residual_deviation[i] == pytest.approx(np.sqrt(weights @ fit.resid**2), rel=1e-10)


def test_missing_sessions_count_for_their_name_alone(sample):
    market, factor, returns = sample
    holes = returns.copy()
    holes[:40, 1] = np.nan
    weights = ewma_weights(252, 63)
    betas = factor_betas(holes, market, factor, weights)
    full = factor_betas(returns, market, factor, weights)
    np.testing.assert_allclose(betas.factor[[0, 2]], full.factor[[0, 2]], rtol=1e-12)
    design = sm.add_constant(np.column_stack([market, factor])[40:])
    fit = sm.WLS(returns[40:, 1], design, weights=weights[40:]).fit(cov_type="HAC", cov_kwds={"maxlags": 5})
    assert betas.factor[1] == pytest.approx(fit.params[2], rel=1e-9)
    assert betas.stderr[1] == pytest.approx(fit.bse[2], rel=1e-9)
    assert betas.n_sessions.tolist() == [252, 212, 252]


def test_own_factors_equal_the_common_one_where_they_are_the_same(sample):
    market, factor, returns = sample
    weights = ewma_weights(252, 63)
    common = factor_betas(returns, market, factor, weights)
    own = factor_betas(returns, market, np.repeat(factor[:, None], 3, axis=1), weights)
    for name in ("market", "factor", "stderr", "gain", "residual_deviation"):
        np.testing.assert_allclose(getattr(own, name), getattr(common, name), rtol=1e-10)


def test_too_few_sessions_give_nothing(sample):
    market, factor, returns = sample
    returns = returns.copy()
    returns[:130, 0] = np.nan
    betas = factor_betas(returns, market, factor, ewma_weights(252, 63), fewest=126)
    assert np.isnan(betas.factor).tolist() == [True, False, False]


def test_weights_halve():
    weights = ewma_weights(127, 63)
    assert weights[-1] / weights[-64] == pytest.approx(2.0)
    assert weights.sum() == pytest.approx(1.0)


def test_vasicek_fixture():
    assert shrink(np.array(1.8), np.array(0.4), np.array(1.1), np.array(0.09)) == pytest.approx(1.352)


def test_vasicek_takes_the_noise_out_of_the_spread():
    estimate = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    group = np.array(["a"] * 5, dtype=object)
    quiet, mean, spread = vasicek(estimate, np.full(5, 0.1), group)
    assert mean[0] == pytest.approx(0.6)
    assert spread[0] == pytest.approx(0.1 - 0.01)  # variance of the estimates less their mean squared error
    np.testing.assert_allclose(quiet, (0.09 * estimate + 0.01 * 0.6) / 0.1)
    noisy, _, none = vasicek(estimate, np.full(5, 0.5), group)
    assert none[0] == 0
    np.testing.assert_allclose(noisy, 0.6)  # all spread is noise: everyone gets the mean


def test_small_groups_borrow_from_all():
    estimate = np.linspace(0, 1, 8)
    groups = np.array(["big"] * 6 + ["small"] * 2, dtype=object)
    _, mean, _ = vasicek(estimate, np.full(8, 0.01), groups)
    assert mean[0] == pytest.approx(estimate[:6].mean())
    assert mean[7] == pytest.approx(estimate.mean())


def test_the_metric_subtracts_cash_from_all_three(planted, sample):
    market, factor, returns = sample
    view = planted(3, {}, returns=returns, funds={"SPY": market, "SMH": factor}, rate=0.252)
    got = REGISTRY["ai_beta"](view, shrink=False).value
    expected = factor_betas(returns - 0.001, market - 0.001, factor - 0.001, ewma_weights(252, 63)).factor
    np.testing.assert_allclose(got, expected)
    t = REGISTRY["ai_beta_t"](view).value
    gated = REGISTRY["ai_beta"](view, shrink=False, t_min=float(np.sort(np.abs(t))[0])).value
    assert (gated == 0).sum() == 1


def test_ai_beta_of_the_market_is_orthogonal(planted, sample):
    """A name that is the market itself has no AI beta left."""
    market, factor, returns = sample
    returns = np.column_stack([market, factor, returns[:, 0]])
    view = planted(3, {}, returns=returns, funds={"SPY": market, "SMH": factor})
    value = REGISTRY["ai_beta"](view, shrink=False).value
    assert value[0] == pytest.approx(0.0, abs=1e-12)
    assert value[1] == pytest.approx(1.0)


def basket_spec(*constituents: tuple[str, str]) -> AiBasketSpec:
    rows = [{"ticker": t, "start": s, "tag": "ai_semis", "reason": "a public event"} for t, s in constituents]
    return AiBasketSpec.model_validate({"kind": "ai_basket", "name": "x", "fewest": 2, "constituents": rows})


def test_constituents_count_from_their_day_and_leave_themselves_out():
    days = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[D]")
    spec = basket_spec(("A", "2020-01-01"), ("B", "2020-01-01"), ("C", "2024-01-03"))
    counts = live(spec, ["A", "B", "C", "D"], days)
    assert counts.tolist() == [[True, True, False, False], [True, True, True, False], [True, True, True, False]]
    returns = np.array([[0.01, 0.03, 0.9, 0.0], [0.01, 0.03, 0.05, 0.0], [0.01, np.nan, 0.05, 0.0]])
    factor, columns, left_out = factor_returns(returns, counts, spec.fewest)
    assert columns.tolist() == [0, 1, 2]
    np.testing.assert_allclose(factor, [0.02, 0.03, 0.03])
    # on the first day A would be left with B alone, on the last B is missing: fewer than two others
    np.testing.assert_allclose(left_out[1], [0.04, 0.03, 0.02])
    assert np.isnan(left_out[0, :2]).all()
    np.testing.assert_allclose(left_out[0, 2], 0.02)


def test_a_constituent_is_not_regressed_on_itself(planted, tmp_path):
    rng = np.random.default_rng(0)
    market = rng.normal(0, 0.01, 252)
    returns = market[:, None] + rng.normal(0, 0.02, (252, 6))  # no common AI factor at all
    view = planted(6, {}, returns=returns, funds={"SPY": market}, issuer=["i0", "i1", "i2", "i3", "i4", "i0"])
    file = tmp_path / "basket.yaml"
    names = "\n".join(
        f"  - {{ticker: T{i:04d}, start: 2000-01-01, tag: ai_semis, reason: a public event}}" for i in range(4)
    )
    file.write_text(f"kind: ai_basket\nname: x\nconstituents:\n{names}\n")
    value = REGISTRY["ai_beta"](view, basket=str(file), shrink=False).value
    others = returns[:, 1:4].mean(axis=1)
    expected = factor_betas(returns[:, :1], market, others, ewma_weights(252, 63)).factor[0]
    assert value[0] == pytest.approx(expected)
    assert abs(value[0]) < 0.6  # with itself inside it would be near two
    # the second share line of the same company is regressed on the same factor
    line = factor_betas(returns[:, 5:], market, others, ewma_weights(252, 63)).factor[0]
    assert value[5] == pytest.approx(line)


def test_shipped_basket_is_valid_dated_and_explained():
    assert validate_files([BASKET]) == []
    spec = load(BASKET, AiBasketSpec)
    assert 20 <= len(spec.constituents) <= 30
    assert all(dt.date(2015, 1, 1) <= c.start <= dt.date(2026, 5, 29) and len(c.reason) > 20 for c in spec.constituents)


def test_shipped_tags_are_dated_and_explained():
    tags = read_tags(TAGS)
    assert len(tags) >= 40
    assert all(tag.valid_from is not None and tag.source and tag.note for tag in tags)
    assert {tag.tag for tag in tags} >= {"hyperscaler", "ai_semis", "ai_infra", "ai_software", "ai_disrupted"}


def test_a_tag_acts_from_its_day(planted):
    view = planted(3, session="2024-03-14")
    view.tickers = pd.Index(["ADBE", "NVDA", "KO"])
    assert REGISTRY["ai_tagged"](view, tag="ai_software", tags=TAGS).value.tolist() == [1, 0, 0]
    later = planted(3, session="2024-03-15")
    later.tickers = view.tickers
    assert REGISTRY["ai_tagged"](later, tag="ai_software", tags=TAGS).value.tolist() == [0, 0, 0]
    assert REGISTRY["ai_tagged"](later, tag="ai_disrupted", tags=TAGS).value.tolist() == [1, 0, 0]
    assert REGISTRY["ai_tagged"](later, tags=TAGS).value.tolist() == [1, 1, 0]


def test_an_undated_tag_is_refused_in_a_backtest_but_not_live(planted, tmp_path):
    file = tmp_path / "tags.csv"
    file.write_text("ticker,tag,valid_from,valid_to,source,note\nT0001,ai_disrupted,,,me,looks like it\n")
    view = planted(2, session="2024-03-14")
    live_value = REGISTRY["ai_tagged"](view, tags=str(file)).value
    assert live_value.tolist() == [0, 1]
    past = planted(2, session="2024-03-14")
    past.market.sessions = past.market.sessions.append(pd.DatetimeIndex(["2024-03-15"]))
    with pytest.raises(ConfigError) as error:
        REGISTRY["ai_tagged"](past, tags=str(file))
    assert str(error.value) == (
        f"{file}:2: valid_from: the tag ai_disrupted of T0001 has no date: hindsight in a backtest; give the day from"
        " which it was public, or set allow_undated: true"
    )
    assert REGISTRY["ai_tagged"](past, tags=str(file), allow_undated=True).value.tolist() == [0, 1]


def test_an_undated_tag_is_refused_in_a_screen_of_the_past_too(tmp_path):
    """As a source of a score, in a rule and in the universe alike: there nothing allows it."""
    (tmp_path / "tags.csv").write_text(
        "ticker,tag,valid_from,valid_to,source,note\nADBE,ai_disrupted,,,me,so it seems\n"
    )
    data = market.open("sample")
    for part in (
        "blocks: {b: {weight: 1, metrics: [{metric: ai_at_risk, params: {tags: tags.csv}}]}}",
        "tags: tags.csv\nrules: {all_of: [{field: tag, in: [ai_disrupted]}]}",
        "tags: tags.csv\nuniverse: {exclude_tags: [ai_disrupted]}\nblocks: {b: {weight: 1, metrics: [roa]}}",
    ):
        (tmp_path / "s.yaml").write_text(f"kind: screen\nname: s\n{part}\n")
        spec = load(tmp_path / "s.yaml", ScreenSpec)
        with pytest.raises(ConfigError, match=r"has no date: hindsight in a backtest; .* it was public$"):
            evaluate(spec, data.as_of("2024-03-14"))
        assert evaluate(spec, data.as_of(data.end)).admission.admitted.any()


def test_every_fault_of_a_tags_file_at_once(tmp_path):
    file = tmp_path / "tags.csv"
    file.write_text(
        "ticker,tag,valid_from,valid_to,source\n"
        "A,ai_semi,2024-01-02,,x\n"
        "B,ai_semis,02/01/2024,,x\n"
        ",ai_semis,2024-01-02,2023-01-02,\n"
    )
    with pytest.raises(ConfigError) as error:
        read_tags(file)
    assert str(error.value).splitlines() == [
        f"{file}:2: tag: unknown tag 'ai_semi' (did you mean 'ai_semis'?)",
        f"{file}:3: valid_from: '02/01/2024' is not a date (YYYY-MM-DD)",
        f"{file}:4: source: required, but empty",
        f"{file}:4: ticker: required, but empty",
        f"{file}:4: valid_to: 2023-01-02 is before valid_from 2024-01-02",
    ]
    file.write_text("ticker,tag\nA,ai_semis\n")
    with pytest.raises(ConfigError, match="columns missing: valid_from, source"):
        read_tags(file)
    with pytest.raises(ConfigError, match="file not found"):
        read_tags(tmp_path / "none.csv")


def test_a_basket_lists_a_company_once(tmp_path):
    with pytest.raises(ValueError, match="A is listed twice"):
        basket_spec(("A", "2020-01-01"), ("A", "2021-01-01"))


def test_industry_exposure_is_that_of_the_paper(planted):
    """Legal services lead the language-model list at 2.199, logging ends it at -1.740 (domain 3.1 d)."""
    table = pd.read_csv(ROOT / "screens/data/ai_industry_exposure.csv")
    by_name = dict(zip(table["industry"], table["lm_aiie"], strict=True))
    assert max(by_name, key=by_name.get) == "Legal Services"
    assert by_name["Legal Services"] == pytest.approx(2.199, abs=5e-4)
    assert by_name["Logging"] == pytest.approx(-1.740, abs=5e-4)
    view = planted(3, industry=["Investment Banking & Brokerage", "Restaurants", "Industrial Conglomerates"])
    value = REGISTRY["ai_industry_exposure"](view).value
    assert value[0] > 1.9
    assert value[1] < 0
    assert np.isnan(value[2])


def test_every_mapped_industry_has_an_exposure():
    from screens.metrics.ai_sources import _industry_exposures

    assert len(_industry_exposures()) > 150


def test_gates_of_the_three_scores(planted):
    n = 12
    rng = np.random.default_rng(1)
    market = rng.normal(0, 0.01, 252)
    ai = rng.normal(0, 0.01, 252)
    loadings = np.linspace(-1, 1, n)
    returns = market[:, None] + ai[:, None] * loadings + rng.normal(0, 0.002, (252, n))
    gap = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    view = planted(
        n,
        {
            "capital_expenditure": np.full(n, 10.0) + gap * 5,
            "cash_from_operations": np.full(n, 10.0),
            "assets": np.full(n, 100.0),
            "revenue": np.full(n, 50.0),
        },
        returns=returns,
        funds={"SPY": market, "SMH": market + ai},
        tags={"ai_disrupted": ["T0011"], "ai_financed": ["T0000"]},
    )
    at_risk = REGISTRY["ai_at_risk"](view)
    assert (at_risk.value[:6] > 0).all()
    assert (at_risk.value[6:11] == 0).all()
    assert at_risk.value[11] > 0  # tagged, although its beta is the highest
    assert at_risk.reason[10] == "outside_gate"
    fragile = REGISTRY["ai_financing_fragile"](view).value
    # even numbers have a funding gap; of them those with a significant beta, and the tagged one
    assert (fragile > 0).tolist() == [True, False, False, False, False, False, True, False, True, False, True, False]
    beneficiary = REGISTRY["ai_beneficiary"](view).value
    assert np.argsort(beneficiary).tolist() == list(range(n))
