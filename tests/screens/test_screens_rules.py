"""Rules on planted figures: the tier rule, missing figures, percentiles within sectors, trees."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screens.measurement import Measurements
from screens.registry import Values
from screens.rule_spec import Condition, Tree
from screens.rules import evaluate_rules

NAN = float("nan")


def conditions(view, *rules: dict, population: np.ndarray | None = None, tree: dict | None = None) -> dict[str, bool]:
    spec = Tree.model_validate(tree or {"all_of": list(rules)})
    everyone = np.ones(len(view.tickers), dtype=bool)
    _, codes = np.unique(view.sector().astype(str), return_inverse=True)
    outcome = evaluate_rules(
        spec, Measurements(view), everyone if population is None else population, {"sector": codes}
    )
    return dict(zip(view.tickers, outcome.passed.tolist(), strict=True))


@pytest.fixture
def debtors(named):
    """The fixture of the tier rule: net debt and EBITDA per name, total assets 1000."""
    net_debt = np.array([-100.0, -100, 100, 500, 500, 100, 600])
    ebitda = np.array([50.0, -50, 100, 100, 1, -10, -200])
    return named(
        list("ABCDEFG"),
        {
            "assets": np.full(7, 1000.0),
            "long_term_debt": np.maximum(net_debt, 0.0),
            "short_term_debt": np.zeros(7),
            "cash_and_short_term_investments": np.maximum(-net_debt, 0.0),
            "operating_income": ebitda,
            "depreciation_amortization": np.zeros(7),
        },
    )


def test_thresholds_follow_the_tier_rule(debtors) -> None:
    above = conditions(debtors, {"metric": "net_debt_ebitda", "op": ">", "value": 4})
    assert [name for name, passed in above.items() if passed] == list("DEFG")
    below = conditions(debtors, {"metric": "net_debt_ebitda", "op": "<=", "value": 4})
    assert [name for name, passed in below.items() if passed] == list("ABC")


def test_a_raw_quotient_would_let_the_worst_pass(debtors, monkeypatch) -> None:
    """The mutation: without tiers F and G, with debt and no EBITDA, look like net cash, and B like a debtor."""
    raw = Values(np.array([-100.0, -100, 100, 500, 500, 100, 600]) / np.array([50.0, -50, 100, 100, 1, -10, -200]))
    monkeypatch.setattr(Measurements, "values", lambda self, call: raw)
    above = conditions(debtors, {"metric": "net_debt_ebitda", "op": ">", "value": 1})
    assert not above["F"]
    assert not above["G"]
    assert above["B"]
    monkeypatch.undo()
    above = conditions(debtors, {"metric": "net_debt_ebitda", "op": ">", "value": 1})
    assert above["F"]
    assert above["G"]
    assert not above["B"]


def test_percentiles_follow_the_tier_rule(debtors) -> None:
    """Badness ranks A = B = 1.5, C 3, D 4, E 5, F 6, G 7 of 7."""
    worst = conditions(debtors, {"metric": "net_debt_ebitda", "op": ">", "pct": 0.6})
    assert [name for name, passed in worst.items() if passed] == list("EFG")


def test_coverage_thresholds(named) -> None:
    view = named(
        list("ABCDE"),
        {
            "operating_income": [100.0, 10, -5, -50, 30],
            "interest_expense": [10.0, 10, 10, 10, 0],
            "long_term_debt": [100.0, 100, 100, 100, 0],
            "short_term_debt": np.zeros(5),
            "assets": np.full(5, 1000.0),
        },
    )
    thin = conditions(view, {"metric": "interest_coverage", "op": "<", "value": 2})
    assert [name for name, passed in thin.items() if passed] == list("BCD")
    thinnest = conditions(view, {"metric": "interest_coverage", "op": "<", "pct": 0.5})  # natural order: D C B A E
    assert [name for name, passed in thinnest.items() if passed] == list("CD")


@pytest.fixture
def earners(named):
    """Return on assets 0.01 to 0.10 and one unknown; two sectors of five and six."""
    return named(
        [f"N{i:02d}" for i in range(11)],
        {"net_income": [*np.arange(1.0, 11.0), NAN], "assets": np.full(11, 100.0)},
        sector=["Energy"] * 5 + ["Materials"] * 6,
    )


def passing(found: dict[str, bool]) -> list[int]:
    return [int(name[1:]) for name, passed in found.items() if passed]


def test_at_or_above_the_median(earners) -> None:
    assert passing(conditions(earners, {"metric": "roa", "op": ">=", "pct": 0.5})) == [5, 6, 7, 8, 9]
    assert passing(conditions(earners, {"metric": "roa", "op": "<", "pct": 0.2})) == [0, 1]


def test_median_of_an_odd_number_is_inside(named) -> None:
    view = named(list("ABC"), {"net_income": [1.0, 2, 3], "assets": np.full(3, 10.0)})
    assert conditions(view, {"metric": "roa", "op": ">=", "pct": 0.5}) == {"A": False, "B": True, "C": True}
    assert conditions(view, {"metric": "roa", "op": ">", "pct": 0.5}) == {"A": False, "B": False, "C": True}


def test_percentiles_within_a_sector(earners) -> None:
    rule = {"metric": "roa", "op": "<", "pct": 0.4, "within": "sector"}
    assert passing(conditions(earners, rule)) == [0, 1, 5, 6]


def test_percentiles_are_those_of_the_population(earners) -> None:
    population = np.arange(11) >= 5
    found = conditions(earners, {"metric": "roa", "op": "<", "pct": 0.4}, population=population)
    assert passing(found) == [5, 6]  # names outside the population have no percentile


def test_ranges_and_lists(earners) -> None:
    assert passing(conditions(earners, {"metric": "roa", "between": [0.02, 0.04]})) == [1, 2, 3]
    assert passing(conditions(earners, {"metric": "roa", "pct_between": [0.05, 0.25]})) == [0, 1, 2]
    assert passing(conditions(earners, {"metric": "roa", "in": [0.03, 0.05]})) == [2, 4]
    assert passing(conditions(earners, {"field": "sector", "in": ["Energy"]})) == [0, 1, 2, 3, 4]
    assert passing(conditions(earners, {"field": "ticker", "in": ["N07"]})) == [7]


def test_tags(named) -> None:
    view = named(list("ABC"), tags={"neocloud": ["B"]})
    assert conditions(view, {"field": "tag", "in": ["neocloud"]}) == {"A": False, "B": True, "C": False}


@pytest.mark.parametrize("kind", [{"op": ">", "value": 0.05}, {"op": ">", "pct": 0.5}, {"between": [0, 1]}])
def test_a_missing_figure_does_what_is_declared(earners, kind: dict) -> None:
    unknown = "N10"
    rule = {"metric": "roa", **kind}
    always = {"metric": "roa", "op": ">", "value": -1, "on_missing": True}
    assert not conditions(earners, rule)[unknown]
    assert conditions(earners, {**rule, "on_missing": True})[unknown]
    assert not conditions(earners, {**rule, "on_missing": "drop"})[unknown]
    either = {"any_of": [rule, always]}
    assert conditions(earners, tree=either)[unknown]
    dropped = {"any_of": [{**rule, "on_missing": "drop"}, always]}
    assert not conditions(earners, tree=dropped)[unknown]
    assert conditions(earners, tree={"not": rule})[unknown]
    assert not conditions(earners, tree={"not": {**rule, "on_missing": "drop"}})[unknown]


def test_a_missing_sector_does_what_is_declared(named) -> None:
    view = named(["A", "B"], sector=["Energy", ""])
    rule = {"field": "sector", "in": ["Energy"]}
    assert conditions(view, tree={"not": rule}) == {"A": False, "B": True}
    assert conditions(view, tree={"not": {**rule, "on_missing": True}}) == {"A": False, "B": False}
    assert conditions(view, {**rule, "on_missing": "drop"}) == {"A": True, "B": False}


LEAVES = [{"metric": "roa", "op": ">", "value": limit} for limit in (0.025, 0.055, 0.085)]
trees = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"all_of": rules}),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"any_of": rules}),
        inner.map(lambda rule: {"not": rule}),
    ),
    max_leaves=8,
)


def by_hand(rule: dict, roa: float) -> bool:
    if "metric" in rule:
        return roa > rule["value"]
    if "all_of" in rule:
        return all(by_hand(part, roa) for part in rule["all_of"])
    if "any_of" in rule:
        return any(by_hand(part, roa) for part in rule["any_of"])
    return not by_hand(rule["not"], roa)


@settings(max_examples=60, deadline=None)
@given(tree=trees, data=st.data())
def test_trees_are_propositional_logic_in_any_order(named, tree: dict, data) -> None:
    view = named([f"N{i:02d}" for i in range(10)], {"net_income": np.arange(1.0, 11.0), "assets": np.full(10, 100.0)})
    whole = tree if "metric" not in tree else {"all_of": [tree]}
    expected = {f"N{i:02d}": by_hand(tree, (i + 1) / 100) for i in range(10)}
    assert conditions(view, tree=whole) == expected
    assert conditions(view, tree=_shuffled(whole, data)) == expected


def _shuffled(rule: dict, data) -> dict:
    out = {}
    for key, value in rule.items():
        if key in ("all_of", "any_of"):
            out[key] = [_shuffled(part, data) for part in data.draw(st.permutations(value))]
        else:
            out[key] = _shuffled(value, data) if key == "not" else value
    return out


def test_several_words_in_one_tree_must_all_hold(earners) -> None:
    tree = {"all_of": [LEAVES[0]], "any_of": [LEAVES[1], LEAVES[2]], "not": LEAVES[2]}
    assert passing(conditions(earners, tree=tree)) == [5, 6, 7]


def test_leaves_know_their_paths() -> None:
    tree = Tree.model_validate({"all_of": [LEAVES[0], {"any_of": [LEAVES[1], {"not": LEAVES[2]}]}]})
    paths = [path for path, leaf in tree.leaves() if isinstance(leaf, Condition)]
    assert paths == ["rules.all_of[0]", "rules.all_of[1].any_of[0]", "rules.all_of[1].any_of[1].not"]


def test_order_of_conditions_does_not_matter(earners) -> None:
    rules = [
        LEAVES[0],
        {"metric": "roa", "op": "<", "pct": 0.8, "on_missing": "drop"},
        {"field": "sector", "in": ["Materials"]},
    ]
    answers = [conditions(earners, *order) for order in itertools.permutations(rules)]
    assert all(answer == answers[0] for answer in answers)
