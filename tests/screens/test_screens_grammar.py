"""The grammar of a screen, word by word, from a YAML file to ranked names: each answer is worked out by hand here."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from screens.loading import load
from screens.screen import evaluate
from screens.screened import Screened
from screens.spec import ScreenSpec

NAN = float("nan")
TEN = [f"N{i}" for i in range(10)]
RATIOS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 9.0])  # liabilities over assets; the last is far out
SECTORS = ["Energy"] * 6 + ["Materials"] * 4


@pytest.fixture
def written(tmp_path: Path):
    """The spec of a YAML text."""

    def spec(text: str, name: str = "s.yaml") -> ScreenSpec:
        path = tmp_path / name
        path.write_text(f"kind: screen\nname: s\n{text}", encoding="utf-8")
        return load(path, ScreenSpec)

    return spec


@pytest.fixture
def ten(named):
    """Ten companies in two sectors, more indebted one after the other; net income falls, and is missing for one."""
    income = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, -1, NAN])
    return named(
        TEN,
        {"assets": np.full(10, 100.0), "liabilities": 100 * RATIOS, "net_income": income},
        sector=SECTORS,
        industry=["Oil & Gas Drilling"] * 3 + ["Oil & Gas Equipment & Services"] * 3 + ["Steel"] * 4,
        tags={"ai_semis": ["N1", "N2"]},
    )


def scores(found: Screened) -> np.ndarray:
    """The transformed scores of the only metric of the only block."""
    (block,) = found.blocks.values()
    (score,) = block.scores.values()
    return score


def z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std(ddof=1)


BLOCK = "blocks: {b: {weight: 1, metrics: [liabilities_assets], %s}}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("transform: rank_z", z(np.arange(10.0))),
        ("transform: percentile", (np.arange(10) + 0.5) / 10),
        ("transform: value_z, winsorise: [0, 1]", z(RATIOS)),
        ("transform: value_z, winsorise: [0.1, 0.9]", z(np.clip(RATIOS, *np.quantile(RATIOS, [0.1, 0.9])))),
        ("neutralise: sector", np.r_[z(np.arange(6.0)), z(np.arange(10.0))[6:]]),  # four in Materials: among all
        ("neutralise: sector, min_group: 4", np.r_[z(np.arange(6.0)), z(np.arange(4.0))]),
        ("neutralise: industry, min_group: 3", np.r_[z(np.arange(3.0)), z(np.arange(3.0)), z(np.arange(4.0))]),
    ],
)
def test_transforms(written, ten, words: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(scores(evaluate(written(BLOCK % words), ten)), expected, rtol=1e-12)


def test_value_z_is_clipped_at_three(written, named) -> None:
    values = np.r_[np.arange(30.0), 1e6]
    view = named([f"N{i:02d}" for i in range(31)], {"assets": np.full(31, 1.0), "liabilities": values})
    assert scores(evaluate(written(BLOCK % "transform: value_z, winsorise: [0, 1]"), view)).max() == 3.0


def test_a_metric_may_depart_from_its_block(written, ten) -> None:
    spec = written(
        """
blocks:
  b:
    weight: 1
    transform: rank_z
    neutralise: sector
    metrics:
      - {metric: liabilities_assets, transform: value_z, neutralise: none, winsorise: [0.0, 0.8], weight: 3,
         label: owed}
      - {metric: asset_growth, worse: lower}
      - roa
"""
    )
    found = evaluate(spec, ten)
    np.testing.assert_allclose(
        found.blocks["b"].scores["owed"], z(np.minimum(RATIOS, np.quantile(RATIOS, 0.8))), rtol=1e-12
    )
    assert [use.weight for use in spec.blocks["b"].metrics] == [3, 1, 1]
    assert "owed" in found.metrics


@pytest.mark.parametrize(
    ("rule", "passing"),
    [
        ("{metric: liabilities_assets, op: '>=', value: 0.8}", "N7 N8 N9"),
        ("{metric: liabilities_assets, op: '<', value: 0.2}", "N0"),
        ("{metric: liabilities_assets, op: '>', pct: 0.75}", "N8 N9"),  # N7 stands at 0.75 exactly
        ("{metric: liabilities_assets, op: '>=', pct: 0.75}", "N7 N8 N9"),
        ("{metric: liabilities_assets, op: '>=', pct: 0.9, within: sector}", "N5 N9"),  # four in Materials: among all
        ("{metric: liabilities_assets, between: [0.2, 0.4]}", "N1 N2 N3"),
        ("{metric: liabilities_assets, pct_between: [0.0, 0.1]}", "N0"),
        ("{metric: liabilities_assets, in: [0.5, 9.0]}", "N4 N9"),
        ("{field: sector, in: [Materials]}", "N6 N7 N8 N9"),
        ("{field: industry, in: [Steel, Oil & Gas Drilling]}", "N0 N1 N2 N6 N7 N8 N9"),
        ("{field: ticker, in: [N3, N5]}", "N3 N5"),
        ("{field: tag, in: [ai_semis]}", "N1 N2"),
        ("{metric: roa, op: '<', value: 0}", "N8"),
        ("{metric: roa, op: '<', value: 0, on_missing: true}", "N8 N9"),
        ("{not: {metric: roa, op: '>', value: 0}}", "N8 N9"),  # missing is not above zero ...
        ("{not: {metric: roa, op: '>', value: 0, on_missing: drop}}", "N8"),  # ... unless it drops the name
        ("{any_of: [{field: ticker, in: [N0]}, {metric: roa, op: '<', value: 0}]}", "N0 N8"),
        ("{all_of: [{field: sector, in: [Energy]}, {not: {field: ticker, in: [N0, N1]}}]}", "N2 N3 N4 N5"),
        (
            (
                "{any_of: [{field: ticker, in: [N9]}, {all_of: [{metric: roa, op: '>', pct: 0.7},"
                " {not: {field: tag, in: [ai_semis]}}]}]}"
            ),
            "N0 N9",
        ),
    ],
)
def test_rules(written, ten, rule: str, passing: str) -> None:
    found = evaluate(written(f"rules: {{all_of: [{rule}]}}\n"), ten)
    assert found.selected() == passing.split()


HISTORY = np.array([0.5, 0.4, 0.3, 0.5, 0.2, 0.1, 0.0, 0.3])  # liabilities over assets now, and 1 to 7 quarters ago


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("lag: 2", HISTORY[2]),
        ("change: 4", HISTORY[0] - HISTORY[4]),
        ("change: 4, lag: 1", HISTORY[1] - HISTORY[5]),
        ("mean: 4", HISTORY[:4].mean()),
        ("stdev: 8", HISTORY.std(ddof=1)),
        ("trend: 8", np.polyfit(-np.arange(8.0), HISTORY, 1)[0]),
    ],
)
def test_metrics_through_time(written, named, history: str, expected: float) -> None:
    items = {}
    for lag, ratio in enumerate(HISTORY):
        items["liabilities", "latest", lag] = items["liabilities", None, lag] = [100 * ratio]
        items["assets", "latest", lag] = items["assets", None, lag] = [100.0]
    view = named(["A"], items)
    spec = written(f"rules: {{all_of: [{{metric: liabilities_assets, history: {{{history}}}, op: '>', value: -9}}]}}\n")
    found = evaluate(spec, view).metrics.loc["A"]
    assert found.tolist() == pytest.approx([expected])
    assert found.index[0].startswith("liabilities_assets.")


def test_the_population_is_kept_apart_from_what_the_result_is_filtered_by(written, ten) -> None:
    rules = "rules: {all_of: [{metric: liabilities_assets, op: '>', value: 0.55}]}\n"
    block = BLOCK % "transform: percentile"
    among_all = evaluate(written(rules + block), ten)
    assert among_all.selected() == ["N9", "N8", "N7", "N6", "N5"]
    assert scores(among_all)[5] == 0.55  # its place among all ten
    among_passed = evaluate(written("population: passed\n" + rules + block), ten)
    assert scores(among_passed)[5] == 0.1  # its place among the five that passed
    own = evaluate(written("population: {sectors: [Energy]}\n" + rules + block), ten)
    np.testing.assert_allclose(scores(own)[:6], (np.arange(6) + 0.5) / 6)
    assert np.isnan(scores(own)[6:]).all()
    assert own.selected() == ["N5"]  # outside the population nobody has a score


def test_buffers_by_rank_and_by_share(written, ten) -> None:
    by_rank = evaluate(written(BLOCK % "" + "selection: {count: 3, enter_rank: 2, exit_rank: 5}\n"), ten)
    assert by_rank.selected() == ["N9", "N8", "N7"]
    assert by_rank.selected(["N5"]) == ["N9", "N8", "N5"]  # rank 5 stays, and the third place is taken
    assert by_rank.selected(["N4"]) == ["N9", "N8", "N7"]  # rank 6 does not
    by_share = evaluate(written(BLOCK % "" + "selection: {share: 0.3, enter_share: 0.2, exit_share: 0.5}\n"), ten)
    for held in ([], ["N5"], ["N4"], ["N6", "N5"]):
        assert by_share.selected(held) == by_rank.selected(held)
    spread = evaluate(written(BLOCK % "" + "selection: {count: 4, max_per_sector: 2}\n"), ten)
    assert spread.selected() == ["N9", "N8", "N5", "N4"]


# --- smoothing ------------------------------------------------------------------------------------------------------


class Dated:
    """A market of planted views, one a session."""

    def __init__(self, sessions: pd.DatetimeIndex, views: list) -> None:
        self.sessions = sessions
        self._views = dict(zip(sessions, views, strict=True))
        for session, view in self._views.items():
            view.market, view.session = self, session

    def as_of(self, session: pd.Timestamp) -> object:
        return self._views[session]


def through_time(named, ratios: dict[str, list[float]]) -> Dated:
    """Companies whose liabilities over assets take these values, session by session."""
    names, columns = list(ratios), np.array(list(ratios.values())).T
    days = pd.bdate_range("2024-01-02", periods=len(columns))
    views = [named(names, {"assets": np.full(len(names), 1.0), "liabilities": row}) for row in columns]
    return Dated(days, views)


def test_in_for_n_dates_out_for_m(written, named) -> None:
    high, low = 0.9, 0.1
    market = through_time(
        named,
        {
            "ONCE": [low, low, low, low, low, high],  # one pass is not two
            "TWICE": [low, low, low, low, high, high],
            "NOISE": [high, low, high, low, high, low],
            "STAYS": [high, high, high, high, low, low],  # two failures are not three
            "LEAVES": [high, high, high, low, low, low],
            "BACK": [high, high, low, low, low, high],
        },
    )
    rules = "rules: {all_of: [{metric: liabilities_assets, op: '>', value: 0.5}]}\n"
    smoothing = "smoothing: {every_sessions: 1, dates: 6, enter_after: 2, leave_after: 3}\n"
    now = market.as_of(market.sessions[-1])
    assert evaluate(written(rules), now).selected() == ["BACK", "ONCE", "TWICE"]
    found = evaluate(written(rules + smoothing), now)
    assert found.selected() == ["STAYS", "TWICE"]
    assert found.frame["excluded_by"]["ONCE"] == "smoothing"
    earlier = evaluate(written(rules + smoothing), market.as_of(market.sessions[3]))  # never reads a later date
    assert earlier.selected() == ["BACK", "LEAVES", "STAYS"]


def test_dates_lie_as_far_apart_as_is_said(written, named) -> None:
    market = through_time(named, {"A": [0.9, 0.1, 0.9, 0.1, 0.9], "B": [0.1, 0.9, 0.1, 0.9, 0.9]})
    rules = "rules: {all_of: [{metric: liabilities_assets, op: '>', value: 0.5}]}\n"
    smoothing = "smoothing: {every_sessions: 2, dates: 3, enter_after: 3}\n"
    assert evaluate(written(rules + smoothing), market.as_of(market.sessions[-1])).selected() == ["A"]


def test_scores_averaged_over_dates(written, named) -> None:
    market = through_time(named, {"A": [0.9, 0.9, 0.1], "B": [0.5, 0.5, 0.5], "C": [0.1, 0.1, 0.9]})
    block = BLOCK % ""
    today = evaluate(written(block), market.as_of(market.sessions[-1]))
    assert list(today.ranked().index) == ["C", "B", "A"]
    smoothing = "smoothing: {every_sessions: 1, dates: 3, average_scores: 3}\n"
    found = evaluate(written(block + smoothing), market.as_of(market.sessions[-1]))
    assert list(found.ranked().index) == ["A", "B", "C"]
    np.testing.assert_allclose(found.score, [1 / 3, 0, -1 / 3], atol=1e-12)


# --- order ----------------------------------------------------------------------------------------------------------

WHOLE = """
universe: {exclude_sectors: [Utilities], min_price: 1}
rules:
  any_of:
    - {metric: liabilities_assets, op: '>', pct: 0.2, within: sector}
    - all_of:
        - {metric: roa, op: '<', value: 0.03, on_missing: true}
        - not: {field: ticker, in: [N0]}
blocks:
  debt: {weight: 0.6, neutralise: sector, metrics: [liabilities_assets, asset_growth], min_metrics: 1}
  profit: {weight: 0.4, required: false, metrics: [roa, {metric: asset_turnover, weight: 2}], min_metrics: 1}
selection: {count: 4, enter_rank: 3, exit_rank: 6}
"""


def shuffled(value: object, chance: random.Random) -> object:
    """The same YAML value with the keys of every mapping, and the entries of every list of rules, in another order."""
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    if isinstance(value, list):
        entries = [shuffled(entry, chance) for entry in value]
        chance.shuffle(entries)
        return entries
    return value


@pytest.mark.parametrize("seed", range(6))
def test_neither_the_order_in_the_file_nor_that_of_names_changes_a_bit(written, ten, seed: int) -> None:
    chance = random.Random(seed)
    found = evaluate(written(WHOLE), ten)
    other = evaluate(written(yaml.safe_dump(shuffled(yaml.safe_load(WHOLE), chance), sort_keys=False), "o.yaml"), ten)
    np.testing.assert_array_equal(other.score, found.score)
    assert other.selected(["N4", "N5"]) == found.selected(["N4", "N5"])
    order = np.random.default_rng(seed).permutation(10)
    moved = evaluate(written(WHOLE), ten.permuted(order))
    pd.testing.assert_frame_equal(moved.ranked(), found.ranked())
    assert moved.selected(["N4", "N5"]) == found.selected(["N4", "N5"])


def test_a_screen_that_imports_another_ranks_by_both(written, ten, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"kind: screen\nname: base\n{WHOLE}", encoding="utf-8")
    spec = written(
        "imports: [base.yaml]\nrules: null\nblocks: {profit: null, debt: {metrics: [liabilities_assets]}}\n"
        "selection: {count: 2, enter_rank: 2}\n"
    )
    found = evaluate(spec, ten)
    plain = evaluate(
        written("blocks: {debt: {weight: 1, neutralise: sector, min_metrics: 1, metrics: [liabilities_assets]}}\n"), ten
    )
    np.testing.assert_allclose(found.score, plain.score, rtol=1e-12)
    assert len(found.selected()) == 2
    assert len(found.selected(plain.selected()[:6])) == 2
