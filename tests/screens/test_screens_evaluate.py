"""Whole screens on planted companies: scores recomputed with pandas, order invariance, populations, buffers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.errors import ConfigError, DataError
from screens.loading import from_mapping
from screens.screen import evaluate, issuers_of
from screens.spec import ScreenSpec

NAN = float("nan")
SECTORS = ["Energy", "Materials", "Industrials"]


def screen(**parts: object) -> ScreenSpec:
    return from_mapping({"kind": "screen", "name": "test", **parts}, ScreenSpec)


def market_of(named, n: int = 30, seed: int = 3, holes: float = 0.2):
    """Companies with debt, income and holes in their figures."""
    rng = np.random.default_rng(seed)

    def item(low: float, high: float) -> np.ndarray:
        values = rng.uniform(low, high, n).round(1)
        return np.where(rng.random(n) < holes, NAN, values)

    return named(
        [f"N{i:02d}" for i in range(n)],
        {
            "assets": np.full(n, 100.0),
            "liabilities": item(10, 120),
            "equity": item(-20, 80),
            "net_income": item(-20, 20),
            "gross_profit": item(0, 50),
            "long_term_debt": rng.uniform(0, 60, n).round(1),
            "short_term_debt": rng.uniform(0, 10, n).round(1),
        },
        sector=rng.choice(SECTORS, n).tolist(),
    )


BLOCKS = {
    "leverage": {
        "weight": 0.6,
        "neutralise": "sector",
        "min_metrics": 1,
        "metrics": ["liabilities_assets", "debt_equity"],
    },
    "profitability": {
        "weight": 0.4,
        "min_metrics": 2,
        "metrics": ["roa", {"metric": "gross_profit_assets", "weight": 2}],
    },
}


def rank_z_by_hand(badness: pd.Series, sector: pd.Series | None) -> pd.Series:
    def z(x: pd.Series) -> pd.Series:
        ranks = x.rank()
        return (ranks - ranks.mean()) / ranks.std(ddof=1)

    overall = z(badness)
    if sector is None:
        return overall
    within = badness.groupby(sector).transform(z)
    return within.where(badness.groupby(sector).transform("count") >= 5, overall)


def test_scores_recomputed_with_pandas(named) -> None:
    view = market_of(named)
    found = evaluate(screen(blocks=BLOCKS, selection={"count": 5}), view)
    item = {name: pd.Series(values, index=view.tickers) for name, values in view.items.items()}
    sector = pd.Series(view.sector(), index=view.tickers)
    debt = item["long_term_debt"] + item["short_term_debt"]
    equity = item["equity"]
    broken = 1000 + debt / item["assets"]  # the worst tier lies beyond every quotient
    badness = {
        "liabilities_assets": item["liabilities"] / item["assets"],
        "debt_equity": (debt / equity).where(equity > 0, broken.where(equity <= 0)),
        "roa": -item["net_income"] / item["assets"],
        "gross_profit_assets": -item["gross_profit"] / item["assets"],
    }
    z = {
        name: rank_z_by_hand(x, sector if name in BLOCKS["leverage"]["metrics"] else None)
        for name, x in badness.items()
    }
    leverage = pd.concat([z["liabilities_assets"], z["debt_equity"]], axis=1).mean(axis=1)
    profitability = ((z["roa"] + 2 * z["gross_profit_assets"]) / 3).dropna().reindex(view.tickers)
    leverage, profitability = ((x - x.mean()) / x.std(ddof=1) for x in (leverage, profitability))
    score = 0.6 * leverage + 0.4 * profitability
    score = (score - score.mean()) / score.std(ddof=1)
    frame = found.frame
    pd.testing.assert_series_equal(frame["leverage"], leverage, check_names=False)
    pd.testing.assert_series_equal(frame["profitability"], profitability, check_names=False)
    pd.testing.assert_series_equal(frame["score"], score, check_names=False)
    pd.testing.assert_series_equal(frame["rank"], score.rank(ascending=False), check_names=False)
    expected = (leverage.rank() - 0.5) / leverage.count()
    pd.testing.assert_series_equal(frame["leverage_pct"], expected, check_names=False)
    for label, x in badness.items():
        assert found.coverage[label] == pytest.approx(x.notna().mean())
    assert found.selected() == score.sort_values(ascending=False).index[:5].tolist()


def everything(found) -> pd.DataFrame:
    return pd.concat([found.frame, found.metrics, found.percentiles.add_suffix("_p")], axis=1).sort_index()


RULES = {
    "all_of": [
        {"metric": "roa", "op": "<", "pct": 0.8, "within": "sector"},
        {
            "any_of": [
                {"metric": "debt_equity", "op": ">", "value": 0.2},
                {"metric": "liabilities_assets", "op": ">", "pct": 0.3},
            ]
        },
    ]
}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_names_changes_nothing(named, seed: int) -> None:
    view = market_of(named, 40, seed)
    spec = screen(blocks=BLOCKS, rules=RULES, selection={"count": 5})
    order = np.random.default_rng(seed).permutation(40)
    once, again = evaluate(spec, view), evaluate(spec, view.permuted(order))
    pd.testing.assert_frame_equal(everything(once), everything(again), check_exact=True)
    assert once.selected() == again.selected()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_the_spec_changes_nothing(named, seed: int) -> None:
    view = market_of(named, 40, seed)
    rng = np.random.default_rng(seed)
    blocks = {
        name: {**BLOCKS[name], "metrics": [BLOCKS[name]["metrics"][i] for i in rng.permutation(2)]}
        for name in rng.permutation(list(BLOCKS))
    }
    rules = {"all_of": [{"any_of": RULES["all_of"][1]["any_of"][::-1]}, RULES["all_of"][0]]}
    once = everything(evaluate(screen(blocks=BLOCKS, rules=RULES), view)).drop(columns="excluded_by")
    again = everything(evaluate(screen(blocks=blocks, rules=rules), view)).drop(columns="excluded_by")
    pd.testing.assert_frame_equal(once, again[once.columns], check_exact=True)


def test_negative_equity_ranks_worst_never_best(named) -> None:
    """A loss over negative equity is a positive quotient; it must not look like the best return on equity."""
    view = named(
        ["GOOD", "FAIR", "POOR", "BROKEN"],
        {"net_income": [20.0, 10, -5, -50], "equity": [100.0, 100, 100, -20], "assets": np.full(4, 300.0)},
    )
    found = evaluate(screen(blocks={"quality": {"weight": 1, "metrics": ["roe"]}}), view)
    assert found.frame["rank"].sort_values().index.tolist() == ["BROKEN", "POOR", "FAIR", "GOOD"]
    assert np.isnan(found.metrics.loc["BROKEN", "roe"])
    assert found.coverage["roe"] == 1.0


def test_value_z_keeps_the_tiers_in_their_places(named) -> None:
    view = named(
        list("ABCDEF"),
        {
            "long_term_debt": [10.0, 20, 30, 40, 50, 10],
            "short_term_debt": np.zeros(6),
            "equity": [100.0, 100, 100, 100, 100, -1],
            "assets": np.full(6, 200.0),
        },
    )
    block = {"weight": 1, "metrics": ["debt_equity"], "transform": "value_z", "winsorise": [0, 1]}
    score = evaluate(screen(blocks={"leverage": block}), view).blocks["leverage"].scores["debt_equity"]
    x = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.5])  # the broken one stands at the upper quantile
    np.testing.assert_allclose(score, (x - x.mean()) / x.std(ddof=1))


def test_percentile_transform_and_worse_override(named) -> None:
    view = named(list("ABCD"), {"net_income": [1.0, 2, 3, 4], "assets": np.full(4, 10.0)})
    natural = {"weight": 1, "metrics": ["roa"], "transform": "percentile"}
    turned = {"weight": 1, "metrics": [{"metric": "roa", "worse": "higher"}], "transform": "percentile"}
    scores = evaluate(screen(blocks={"a": natural}), view).blocks["a"].scores["roa"]
    np.testing.assert_allclose(scores, [0.875, 0.625, 0.375, 0.125])
    scores = evaluate(screen(blocks={"a": turned}), view).blocks["a"].scores["roa"]
    np.testing.assert_allclose(scores, [0.125, 0.375, 0.625, 0.875])


def test_worse_override_turns_the_tiers_too(named) -> None:
    view = named(
        list("ABC"),
        {
            "long_term_debt": [10.0, 20, 5],
            "short_term_debt": np.zeros(3),
            "equity": [100.0, 100, -1],
            "assets": np.full(3, 99.0),
        },
    )
    turned = {"weight": 1, "metrics": [{"metric": "debt_equity", "worse": "lower"}]}
    assert evaluate(screen(blocks={"a": turned}), view).frame["rank"].to_dict() == {"A": 1, "B": 2, "C": 3}


MISSING = {"net_income": [1.0, 2, 3, NAN], "gross_profit": [4.0, 3, 2, 1], "assets": np.full(4, 10.0)}


@pytest.mark.parametrize(
    ("missing", "fewest", "expected"),
    [("skip", 1, "D"), ("skip", 2, None), ("neutral", 1, "D"), ("worst", 1, "D"), ("worst", 2, None)],
)
def test_missing_metrics_follow_the_policy_of_the_block(named, missing: str, fewest: int, expected: str | None) -> None:
    view = named(list("ABCD"), MISSING)
    block = {"weight": 1, "metrics": ["roa", "gross_profit_assets"], "missing": missing, "min_metrics": fewest}
    found = evaluate(screen(blocks={"a": block}), view)
    d = found.frame.loc["D"]
    assert np.isnan(d["score"]) == (expected is None)
    assert d["excluded_by"] == ("no score" if expected is None else "")
    if expected:
        filled = {"skip": NAN, "neutral": 0.0, "worst": 1.0}[missing]
        gross = (4 - 2.5) / np.arange(1, 5).std(ddof=1)
        raw = found.blocks["a"]
        parts = [raw.scores["gross_profit_assets"][3]] if missing == "skip" else [gross, filled]
        others = {"A": [1.0, -gross], "B": [0.0, -gross / 3], "C": [-1.0, gross / 3], "D": parts}
        means = pd.Series({name: np.mean(part) for name, part in others.items()})
        expected_z = (means - means.mean()) / means.std(ddof=1)
        pd.testing.assert_series_equal(found.frame["a"], expected_z, check_names=False)


def test_a_block_that_is_not_required_leaves_the_others(named) -> None:
    view = named(list("ABCD"), MISSING)
    blocks = {
        "income": {"weight": 1, "metrics": ["roa"], "required": False},
        "gross": {"weight": 1, "metrics": ["gross_profit_assets"]},
    }
    assert evaluate(screen(blocks=blocks), view).frame["score"].notna().all()
    blocks["income"]["required"] = True
    assert evaluate(screen(blocks=blocks), view).frame["score"].notna().to_dict() == dict.fromkeys("ABC", True) | {
        "D": False
    }


def test_rules_filter_the_result_and_not_the_population(named) -> None:
    view = named(list("ABCDEF"), {"net_income": np.arange(1.0, 7), "assets": np.full(6, 10.0)})
    blocks = {"a": {"weight": 1, "metrics": ["roa"]}}
    rules = {"all_of": [{"metric": "roa", "op": ">=", "pct": 0.5}]}
    free = evaluate(screen(blocks=blocks), view)
    gated = evaluate(screen(blocks=blocks, rules=rules), view)
    np.testing.assert_array_equal(free.score, gated.score)
    assert gated.frame["eligible"].tolist() == [False] * 3 + [True] * 3
    assert gated.frame["rank"].dropna().to_dict() == {"D": 1, "E": 2, "F": 3}
    passed = evaluate(screen(blocks=blocks, rules=rules, population="passed"), view)
    np.testing.assert_allclose(passed.score[3:], [1, 0, -1])
    assert passed.frame["rank"].dropna().to_dict() == {"D": 1, "E": 2, "F": 3}


def test_population_of_its_own(named) -> None:
    view = named(
        list("ABCDEF"),
        {"net_income": np.arange(1.0, 7), "assets": np.full(6, 10.0)},
        sector=["Energy"] * 3 + ["Materials"] * 3,
    )
    found = evaluate(
        screen(universe={"sectors": ["Energy"]}, population={}, blocks={"a": {"weight": 1, "metrics": ["roa"]}}), view
    )
    z = (np.arange(6, 0, -1) - 3.5) / np.arange(1, 7).std(ddof=1)
    np.testing.assert_allclose(found.score[:3], z[:3])
    assert np.isnan(found.score[3:]).all()
    assert found.selected() == ["A", "B", "C"]


def test_the_universe_gives_every_reason(named) -> None:
    view = named(
        ["FUND", "CHEAP", "SMALL", "THIN", "YOUNG", "BANK", "OUT", "DEAR", "ODD", "FINE"],
        is_stock=[False] + [True] * 9,
        close=[50.0, 3, 50, 50, 50, 50, 50, 50, NAN, 50],
        market_cap=[5e9, 5e9, 1e8, 5e9, 5e9, 5e9, 5e9, 5e9, 5e9, 5e9],
        dollar_volume=[5e7, 5e7, 5e7, 1e6, 5e7, 5e7, 5e7, 5e7, NAN, 5e7],
        history_sessions=np.array([999, 999, 999, 999, 100, 999, 999, 999, 999, 999]),
        sector=["Energy"] * 5 + ["Financials"] + ["Energy"] * 4,
        members=[True] * 6 + [False] + [True] * 3,
        borrow_fee=[0.01] * 7 + [0.2] + [0.01] * 2,
    )
    limits = {
        "index": "sp500",
        "min_price": 5,
        "min_market_cap": 1e9,
        "min_dollar_volume": 2e7,
        "min_history_sessions": 252,
        "exclude_sectors": ["Financials"],
        "max_borrow_fee": 0.03,
    }
    rules = {"not": {"field": "ticker", "in": ["NOBODY"]}}
    found = evaluate(screen(universe=limits, rules=rules), view).frame["excluded_by"].to_dict()
    assert found == {
        "FUND": "universe.stocks_only",
        "CHEAP": "universe.min_price",
        "SMALL": "universe.min_market_cap",
        "THIN": "universe.min_dollar_volume",
        "YOUNG": "universe.min_history_sessions",
        "BANK": "universe.exclude_sectors",
        "OUT": "universe.index",
        "DEAR": "universe.max_borrow_fee",
        "ODD": "universe.no_price, universe.min_price, universe.min_dollar_volume",
        "FINE": "",
    }


def test_lists_tags_sizes_and_issuers(named) -> None:
    view = named(
        ["A", "A2", "B", "C", "D"],
        issuer=["a", "a", "b", "c", "d"],
        dollar_volume=[1e7, 9e7, 1e7, 1e7, 1e7],
        market_cap=[4e9, 4e9, 3e9, 2e9, 1e9],
        sector=["Energy", "Energy", "Energy", "", "Energy"],
        tags={"neocloud": ["B"]},
    )
    rules = {"not": {"field": "ticker", "in": ["NOBODY"]}}

    def left(exclude: frozenset[str] = frozenset(), **universe: object) -> list[str]:
        return evaluate(screen(universe=universe, rules=rules), view, exclude).selected()

    assert left() == ["A2", "B", "C", "D"]
    assert left(one_line_per_issuer=False) == ["A", "A2", "B", "C", "D"]
    assert left(exclude_tickers=["A2"]) == ["A", "B", "C", "D"]
    assert left(issuers_of(view, ["A"])) == ["B", "C", "D"]
    assert left(tickers=["B", "D"]) == ["B", "D"]
    assert left(sectors=["Energy"]) == ["A2", "B", "D"]
    assert left(exclude_sectors=["Materials"]) == ["A2", "B", "D"]  # an unknown sector cannot be cleared
    assert left(exclude_tags=["neocloud"]) == ["A2", "C", "D"]
    assert left(top_by_market_cap=2) == ["A2", "B"]
    assert left(max_market_cap=2.5e9) == ["C", "D"]


def test_tickers_that_are_not_in_the_data(named) -> None:
    view = named(["AAPL", "MSFT"])
    rules = {"not": {"field": "ticker", "in": ["NOBODY"]}}
    with pytest.raises(ConfigError) as caught:
        evaluate(screen(universe={"tickers": ["APPL"]}, rules=rules), view)
    assert str(caught.value) == "universe.tickers[0]: no ticker 'APPL' in the data (did you mean 'AAPL'?)"
    with pytest.raises(ConfigError) as caught:
        evaluate(screen(universe={"exclude_tickers": ["MSFTT"]}, rules=rules), view)
    assert str(caught.value) == "universe.exclude_tickers[0]: no ticker 'MSFTT' in the data (did you mean 'MSFT'?)"
    with pytest.raises(ConfigError) as caught:
        evaluate(screen(rules={"all_of": [{"field": "ticker", "in": ["MSFT", "AAPLE"]}]}), view)
    assert str(caught.value) == "rules.all_of[0].in[1]: no ticker 'AAPLE' in the data (did you mean 'AAPL'?)"
    evaluate(screen(universe={"exclude_tickers": ["GOOGL"]}, rules=rules), view)  # excluding a stranger harms nobody


def ranked_view(named, n: int = 12, sector: list[str] | None = None):
    return named(
        [f"R{i:02d}" for i in range(1, n + 1)],
        {"net_income": np.arange(1.0, n + 1), "assets": np.full(n, 100.0)},
        sector=sector or ["Energy"] * n,
    )


def held(named, selection: dict, incumbents: list[str], sector: list[str] | None = None) -> list[int]:
    spec = screen(blocks={"a": {"weight": 1, "metrics": ["roa"]}}, selection=selection)
    return sorted(int(t[1:]) for t in evaluate(spec, ranked_view(named, 12, sector)).selected(incumbents))


def test_the_buffer(named) -> None:
    rule = {"count": 4, "enter_rank": 3, "exit_rank": 6}
    assert held(named, rule, []) == [1, 2, 3, 4]
    assert held(named, rule, ["R06"]) == [1, 2, 3, 6]
    assert held(named, rule, ["R07"]) == [1, 2, 3, 4]
    assert held(named, rule, ["R05", "R06"]) == [1, 2, 3, 5]
    assert held(named, {"count": 4}, ["R05", "R06"]) == [1, 2, 3, 4]
    assert held(named, {"share": 0.25}, []) == [1, 2, 3]
    assert held(named, {"share": 0.25, "enter_share": 0.1, "exit_share": 0.5}, ["R06", "R07"]) == [1, 2, 6]
    assert held(named, {}, []) == list(range(1, 13))
    halves = ["Energy"] * 6 + ["Materials"] * 6
    assert held(named, {"count": 4, "max_per_sector": 2}, [], halves) == [1, 2, 7, 8]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_buffer_keeps_its_promises(named, seed: int) -> None:
    rng = np.random.default_rng(seed)
    incumbents = [f"R{i:02d}" for i in rng.choice(np.arange(1, 13), rng.integers(0, 6), replace=False)]
    chosen = held(named, {"count": 5, "enter_rank": 3, "exit_rank": 8}, incumbents)
    assert len(chosen) == 5
    assert {1, 2, 3} <= set(chosen)
    stayed = [rank for rank in chosen if rank > 3]
    assert all(f"R{rank:02d}" in incumbents for rank in stayed if rank > 5)
    assert not any(rank > 8 for rank in chosen)


def test_nobody_left_is_an_error_that_says_why(named) -> None:
    view = named(["A", "B"], {"net_income": [1.0, 2], "assets": np.full(2, 10.0)})
    blocks = {"a": {"weight": 1, "metrics": ["interest_coverage"]}}
    with pytest.raises(DataError) as caught:
        evaluate(screen(blocks=blocks), view).require_names()
    assert str(caught.value) == (
        "test on 2024-06-28: no name can be ranked; no name of the universe has interest_coverage"
    )
    with pytest.raises(DataError) as caught:
        evaluate(screen(universe={"min_price": 60}, blocks=blocks), view).require_names()
    assert str(caught.value).startswith(
        "test on 2024-06-28: no name can be ranked; of 2 names, 2 fail min_price, 0 fail stocks_only, 0 fail no_price"
    )
    rules = {"all_of": [{"metric": "roa", "op": ">", "value": 5}]}
    with pytest.raises(DataError) as caught:
        evaluate(screen(blocks={"a": {"weight": 1, "metrics": ["roa"]}}, rules=rules), view).require_names()
    assert str(caught.value) == (
        "test on 2024-06-28: no name can be ranked; none of the 2 names of the universe passes the rules"
    )


def test_metrics_through_time(named) -> None:
    n = 3
    items = {("net_income", "ttm", lag): [10.0 - lag, 5.0 + 2 * lag, 3.0] for lag in range(8)}
    items |= {("assets", "latest", lag): np.full(n, 100.0) for lag in range(16)}
    view = named(list("ABC"), items)
    figures = {
        "roa.lag2": [0.08, 0.09, 0.03],
        "roa.change4": [0.04, -0.08, 0.0],
        "roa.mean4": [0.085, 0.08, 0.03],
        "roa.trend4": [0.01, -0.02, 0.0],
        "roa.stdev4": [np.std([10, 9, 8, 7], ddof=1) / 100, np.std([5, 7, 9, 11], ddof=1) / 100, 0.0],
        "roa.lag1.change4": [0.04, -0.08, 0.0],
    }
    histories = [{"lag": 2}, {"change": 4}, {"mean": 4}, {"trend": 4}, {"stdev": 4}, {"lag": 1, "change": 4}]
    block = {"weight": 1, "metrics": [{"metric": "roa", "history": history} for history in histories]}
    found = evaluate(screen(blocks={"a": block}), view)
    for label, expected in figures.items():
        np.testing.assert_allclose(found.metrics[label], expected, atol=1e-12, err_msg=label)
    assert found.blocks["a"].scores["roa.change4"][1] > 0  # falling profitability is worse
    assert found.blocks["a"].scores["roa.stdev4"][1] > found.blocks["a"].scores["roa.stdev4"][2]  # so is variability


def test_through_time_with_holes(named) -> None:
    items = {("net_income", "ttm", lag): [1.0 if lag in (0, 1) else NAN, 1.0] for lag in range(8)}
    items |= {("assets", "latest", lag): np.full(2, 100.0) for lag in range(16)}
    view = named(["A", "B"], items)
    histories = [{"mean": 4}, {"mean": 6}, {"change": 4}, {"stdev": 4}, {"trend": 4}]
    block = {"weight": 1, "metrics": [{"metric": "roa", "history": history} for history in histories]}
    a = evaluate(screen(blocks={"a": block}), view).metrics.loc["A"]
    assert a["roa.mean4"] == pytest.approx(0.01)  # two of four
    assert a.drop("roa.mean4").isna().all()


def test_one_metric_with_two_sets_of_parameters_has_two_columns(named) -> None:
    view = market_of(named)
    use = [{"metric": "loss_share", "params": {"years": years, "fewest": 3}} for years in (4, 5)]
    spec = screen(blocks={"a": {"weight": 1, "metrics": use}})
    assert set(spec.labels().values()) == {"loss_share(fewest=3, years=4)", "loss_share(fewest=3, years=5)"}
    use[0]["label"] = "short_memory"
    spec = screen(blocks={"a": {"weight": 1, "metrics": use}})
    assert "short_memory" in evaluate(spec, view).metrics


def test_columns_of_the_ranked_table(named) -> None:
    found = evaluate(screen(blocks=BLOCKS, rules=RULES, selection={"count": 3}), market_of(named))
    table = found.ranked()
    assert list(table.columns[:8]) == [
        "rank", "score", "selected", "sector", "leverage", "leverage_pct", "profitability", "profitability_pct",
    ]  # fmt: skip
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    assert table["selected"].sum() == 3
    assert set(table.columns[8:]) == {"liabilities_assets", "debt_equity", "roa", "gross_profit_assets"}


def test_warnings_say_which_figures_are_thin(named) -> None:
    view = named(
        list("ABCDE"), {"net_income": [1.0, 2, NAN, NAN, NAN], "assets": np.full(5, 10.0), "gross_profit": [1.0] * 5}
    )
    block = {"weight": 1, "min_metrics": 1, "metrics": ["roa", "gross_profit_assets", "interest_coverage"]}
    assert evaluate(screen(blocks={"a": block}), view).warnings == (
        "no name of the universe has interest_coverage",
        "roa is known for 40% of the universe",
    )
