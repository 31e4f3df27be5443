"""What a screen says of itself on the shipped sample: reasons, comparisons, presets, and the commands that print it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import market
from backtest import cli
from market.errors import ConfigError, DataError
from screens.diff import diff
from screens.explain import explain
from screens.loading import from_mapping, load
from screens.screen import evaluate, evaluate_dates
from screens.screened import Screened
from screens.spec import ScreenSpec

CONFIGS = Path(__file__).parents[2] / "configs" / "screens"
DAY, EARLIER = "2025-10-16", "2025-07-17"
FLAGSHIP = CONFIGS / "low_quality.yaml"
PRESETS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.fixture(scope="module")
def flagship(data) -> Screened:
    return evaluate(load(FLAGSHIP, ScreenSpec), data.as_of(DAY))


@pytest.fixture(scope="module")
def run(data):
    """The command line in this process, on a market opened once."""
    app, runner = cli.application(["screen", "explain", "diff"]), CliRunner()

    def typed(*words: object):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(market, "open", lambda name: data)
            return runner.invoke(app, [*(str(word) for word in words), "--quiet"])

    return typed


def screen(**parts: object) -> ScreenSpec:
    return from_mapping({"kind": "screen", "name": "test", **parts}, ScreenSpec)


# --- explain --------------------------------------------------------------------------------------------------------


def test_every_figure_of_an_explanation_is_that_of_the_screen(flagship: Screened) -> None:
    found = explain(flagship, "INTC")
    at = list(flagship.view.tickers).index("INTC")
    assert (found.status, found.rank) == ("selected", int(flagship.rank[at]))
    assert found.score == flagship.score[at]
    assert all(limit.passed for limit in found.universe)
    assert sum(block.weight for block in found.blocks) == pytest.approx(1)
    assert [block.name for block in found.blocks] == ["leverage", "profitability", "ai"]
    for block in found.blocks:
        assert block.score == flagship.blocks[block.name].z[at]
        assert block.percentile == flagship.blocks[block.name].percentile[at]
        assert block.known == len([metric for metric in block.metrics if metric.percentile is not None])
        for metric in block.metrics:
            value = flagship.metrics[metric.name]["INTC"]
            assert metric.value == value or (metric.value is None and np.isnan(value) and metric.reason)
            for filing in metric.filings:
                assert filing.filed < DAY
                assert filing.form in ("10-K", "10-Q")
                assert filing.period_end < filing.filed
    (gate,) = found.rules
    ranked = flagship.metrics["ai_beta"][flagship.population]
    assert gate.percentile == pytest.approx((ranked.rank()["INTC"] - 0.5) / ranked.count())
    assert gate.threshold == ranked[(ranked.rank() - 0.5) / ranked.count() >= 0.5].min()
    assert gate.passed


def test_intel_lost_money_so_its_leverage_has_a_reason_and_not_a_quotient(flagship: Screened) -> None:
    (owed,) = [m for block in explain(flagship, "INTC").blocks for m in block.metrics if m.name.startswith("net_debt")]
    assert owed.value is None
    assert owed.reason == "net debt but no operating income: worst tier"
    assert owed.percentile is not None
    assert owed.percentile > 0.9


def test_what_would_have_to_change_would_change_it(data, flagship: Screened) -> None:
    """The border told for a rule is the border: with the percentile just beneath the name's own, it passes."""
    found = explain(flagship, "UAL")
    assert found.status == "out"
    assert found.excluded_by == ("rules.all_of[0]",)
    (rule,) = found.rules
    assert not rule.passed
    assert found.change[0].startswith(
        "rules.all_of[0]: needs ai_beta >= percentile 0.5; now -0.2401 beta, percentile 0.25"
    )
    softer = flagship.spec.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    softer["rules"]["all_of"][0]["pct"] = rule.percentile
    assert evaluate(screen(**{**softer, "name": "softer"}), data.as_of(DAY)).eligible[
        list(flagship.view.tickers).index("UAL")
    ]


def test_a_name_below_the_border_is_told_what_each_block_alone_would_have_to_be(flagship: Screened) -> None:
    outside = next(t for t in flagship.ranked().index if t not in flagship.selected())
    found = explain(flagship, outside)
    assert found.status == "ranked, not selected"
    assert found.change[0].startswith(f"rank {found.rank}: enters at 32 or better; the score there is ")
    assert [line.split()[0] for line in found.change[1:]] == ["leverage", "profitability", "ai"]


def test_alternatives_and_negations_are_told_as_such(data) -> None:
    rules = {
        "any_of": [
            {"metric": "roa", "op": "<", "value": -0.9},
            {"metric": "liabilities_assets", "op": ">", "value": 5},
        ],
        "not": {"field": "sector", "in": ["Information Technology"]},
    }
    found = evaluate(screen(universe={"index": "sp500"}, rules=rules), data.as_of(DAY))
    apple, boeing = explain(found, "AAPL"), explain(found, "BA")
    assert boeing.excluded_by == ("rules.any_of[0]", "rules.any_of[1]")
    assert apple.excluded_by == ("rules.any_of[0]", "rules.any_of[1]", "rules.not")
    assert all(line.endswith("(one of rules.any_of is enough)") for line in apple.change[:2])
    assert apple.change[2] == "rules.not: needs no sector in Information Technology"
    half = evaluate(
        screen(
            universe={"index": "sp500"},
            rules={"any_of": [{"metric": "roa", "op": ">", "value": 0}, rules["any_of"][1]]},
        ),
        data.as_of(DAY),
    )
    assert explain(half, "AAPL").change == ()  # one of the two holds: the other is no obstacle


def test_a_full_sector_is_the_reason_where_it_is(data, flagship: Screened) -> None:
    capped = flagship.spec.model_copy(
        update={"selection": flagship.spec.selection.model_copy(update={"max_per_sector": 3})}
    )
    found = evaluate(capped, data.as_of(DAY))
    sector = pd.Series(found.view.sector(), index=found.index)
    assert sector[found.selected()].value_counts().max() == 3
    fourth = [t for t in found.ranked().index if sector[t] == "Information Technology"][3]
    assert explain(found, fourth).change == (
        f"rank {int(found.frame['rank'][fourth])}: 3 worse names of its sector are in already",
    )
    moves = {move.ticker: move for move in diff(flagship, found).moves}
    assert moves[fourth].causes == ("selection.max_per_sector",)


def test_the_sources_of_an_ai_score_are_shown_with_their_disagreement(data) -> None:
    found = explain(evaluate(load(CONFIGS / "ai_disrupted.yaml", ScreenSpec), data.as_of(DAY)), "ADBE")
    (risk,) = [metric for block in found.blocks for metric in block.metrics if metric.name == "ai_at_risk"]
    assert set(risk.sources) == {"ai_beta", "text", "industry", "capex_intensity"}
    assert risk.sources["text"] is None  # the sample has no filing texts
    assert risk.tags == ("ai_disrupted",)
    known = [share for share in risk.sources.values() if share is not None]
    assert f"they lie {max(known) - min(known):.2f} apart" in " ".join(found.words().split())


def test_unknown_tickers_are_answered(flagship: Screened) -> None:
    with pytest.raises(ConfigError, match=r"no ticker 'NVDIA' in the data \(did you mean 'NVDA'\?\)"):
        explain(flagship, "NVDIA")


# --- diff -----------------------------------------------------------------------------------------------------------


def test_every_entry_and_exit_between_two_screens_has_a_rule_or_a_rank(data, flagship: Screened) -> None:
    pure = evaluate(load(CONFIGS / "pure_low_quality.yaml", ScreenSpec), data.as_of(DAY))
    found = diff(flagship, pure)
    before, after = set(flagship.selected()), set(pure.selected())
    assert set(found.entries()) == after - before
    assert set(found.exits()) == before - after
    assert set(found.stayed) == before & after
    gate = list(flagship.view.tickers)
    for move in found.moves:
        at = gate.index(move.ticker)
        if move.action == "enters" and not flagship.eligible[at]:
            assert move.causes == ("rules.all_of[0]",)
        else:
            assert move.causes == ("rank",)
            assert (move.rank_before, move.rank_after) == (flagship.frame["rank"].iloc[at], pure.frame["rank"].iloc[at])
    assert sum(counts["enters"] for counts in found.by_cause().values()) == len(found.entries())
    mirrored = diff(pure, flagship)
    assert (mirrored.entries(), mirrored.exits()) == (found.exits(), found.entries())
    assert not diff(flagship, flagship).moves


def test_between_two_dates_the_names_held_keep_their_buffer(data, flagship: Screened) -> None:
    before = evaluate(flagship.spec, data.as_of(EARLIER))
    found = diff(before, flagship)
    assert set(found.stayed) | set(found.entries()) == set(flagship.selected(before.selected()))
    assert len(diff(before, flagship, keep_incumbents=False).moves) > len(found.moves)
    for ticker in found.exits():
        (move,) = [move for move in found.moves if move.ticker == ticker]
        assert move.causes != ("rank",) or (move.rank_after or 0) > 40


# --- presets --------------------------------------------------------------------------------------------------------


def test_twelve_presets_and_the_flagship() -> None:
    assert set(PRESETS) == {
        "low_quality", "pure_low_quality", "short_quality_top1000", "sp500_lowest_quality_quintile",
        "weak_balance_sheet", "unprofitable_tech", "most_shorted", "ai_financing_fragile", "ai_disrupted", "zombies",
        "consumer_fragile", "refinancing_wall", "junk_qmj",
    }  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_its_source_and_its_question(name: str) -> None:
    comment = [line for line in (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    assert len(" ".join(comment)) > 150
    assert load(CONFIGS / f"{name}.yaml", ScreenSpec).question.endswith("?")


EXPECTED = {  # names that a reader of the news of each date would expect, by preset
    ("low_quality", "2022-06-30"): {"CCL", "UAL"},
    ("pure_low_quality", "2022-06-30"): {"BA", "CCL", "DAL", "UAL"},
    ("zombies", "2022-06-30"): {"BA", "CCL"},
    ("zombies", DAY): {"BA", "INTC"},
    ("unprofitable_tech", DAY): {"INTC"},
    ("ai_financing_fragile", DAY): {"ORCL"},
    ("consumer_fragile", DAY): {"NKE", "TGT"},
    ("junk_qmj", "2022-06-30"): {"CCL", "DAL", "UAL", "WYNN"},
}
SILENT = {  # presets that a store can be too short or too thin for, and what is said then
    ("junk_qmj", "2020-06-30"): "no name of the universe has qmj_junk: prices begin 2018-01-02",
    ("zombies", "2020-06-30"): "541 fail min_history_sessions",
    ("most_shorted", "2020-06-30"): "short_percent_of_float: short_interest begins 2026-05-15",
    ("most_shorted", "2022-06-30"): "short_percent_of_float: short_interest begins 2026-05-15",
    ("most_shorted", DAY): "short_percent_of_float: short_interest begins 2026-05-15",
}


@pytest.mark.parametrize("day", ["2020-06-30", "2022-06-30", DAY])
def test_a_preset_names_companies_or_says_why_it_cannot(data, day: str) -> None:
    for name in PRESETS:
        spec = load(CONFIGS / f"{name}.yaml", ScreenSpec)
        found = evaluate(spec, data.as_of(day))
        if (name, day) in SILENT:
            with pytest.raises(DataError, match=SILENT[name, day]):
                found.require_names()
            continue
        names = found.require_names().selected()
        assert names
        assert EXPECTED.get((name, day), set()) <= set(names)
        assert len(names) <= (spec.selection.count or len(names))
        universe = pd.Series(found.view.sector(), index=found.index)[names]
        assert not set(universe) & set(spec.universe.exclude_sectors)
        assert found.view.is_member("sp500")[found.index.get_indexer(names)].all()
        thin = [label for label, share in found.coverage.items() if share < 0.5]
        assert all(any(label in warning for warning in found.warnings) for label in thin)


def test_names_with_a_tag_are_left_out_of_the_disrupted(data) -> None:
    found = evaluate(load(CONFIGS / "ai_disrupted.yaml", ScreenSpec), data.as_of(DAY))
    assert "universe.exclude_tags" in found.frame["excluded_by"]["NVDA"]
    assert "universe.exclude_tags" in found.frame["excluded_by"]["MSFT"]
    assert found.frame["in_universe"]["ADBE"]
    assert found.warnings == ("ai_at_risk does without filing_text: the store has none",)


def test_a_tag_of_nobody_is_told(data) -> None:
    rules = {"all_of": [{"field": "tag", "in": ["hyperscaler"]}]}
    found = evaluate(screen(universe={"index": "sp500"}, rules=rules), data.as_of(DAY))
    assert found.warnings == (
        "no name carries the tag 'hyperscaler' on the date; dated tags can be given as 'tags: FILE'",
    )
    tagged = evaluate(
        screen(tags=str(CONFIGS.parent / "ai/tags.csv"), universe={"index": "sp500"}, rules=rules), data.as_of(DAY)
    )
    assert tagged.selected() == ["AMZN", "GOOGL", "META", "MSFT", "ORCL"]  # one line of Alphabet, the most traded
    earlier = evaluate(tagged.spec, data.as_of("2020-06-30"))
    assert earlier.selected() == ["AMZN", "GOOGL", "MSFT"]  # Meta and Oracle had no such date yet


def test_dates_in_threads_are_the_dates_one_by_one(data, flagship: Screened) -> None:
    days = ["2024-01-16", "2024-07-16", EARLIER, DAY]
    for day, found in zip(days, evaluate_dates(flagship.spec, data, days), strict=True):
        alone = evaluate(flagship.spec, data.as_of(day))
        assert found.session == alone.session
        np.testing.assert_array_equal(found.score, alone.score)
        np.testing.assert_array_equal(found.rank, alone.rank)


# --- commands -------------------------------------------------------------------------------------------------------


def test_screen_in_words_json_and_csv_says_the_same(run, flagship: Screened) -> None:
    found = json.loads(run("screen", FLAGSHIP, "--as-of", DAY, "--json", "-").stdout)
    assert found["as_of"] == DAY
    assert (found["universe"], found["eligible"]) == (
        int(flagship.admission.admitted.sum()),
        int(flagship.eligible.sum()),
    )
    assert found["ranked"] == int(np.isfinite(flagship.rank).sum())
    assert [row["ticker"] for row in found["selected"]] == flagship.selected()
    assert found["warnings"] == []
    rows = list(csv.DictReader(io.StringIO(run("screen", FLAGSHIP, "--as-of", DAY, "--csv", "-").stdout)))
    assert [row["ticker"] for row in rows] == flagship.selected()
    assert [float(row["score"]) for row in rows] == [row["score"] for row in found["selected"]]
    assert rows[2]["net_debt_operating_income"] == ""  # unknown is empty, never zero
    words = run("screen", FLAGSHIP, "--as-of", DAY, "--top", 5).stdout.splitlines()
    assert words[0] == "low_quality on 2025-10-16: universe 349, eligible 175, ranked 116, shown 5"
    assert words[2].split()[0] == rows[0]["ticker"]
    assert max(map(len, words)) <= 80


def test_explain_and_diff_fit_a_terminal_of_eighty_columns(run) -> None:
    for words in (
        ["explain", FLAGSHIP, "INTC", "--as-of", DAY],
        ["explain", FLAGSHIP, "JPM", "--as-of", DAY],
        ["explain", CONFIGS / "ai_disrupted.yaml", "ADBE", "--as-of", DAY],
        ["explain", CONFIGS / "consumer_fragile.yaml", "MCD", "--as-of", DAY],
        ["diff", FLAGSHIP, CONFIGS / "pure_low_quality.yaml", "--as-of", DAY],
        ["diff", FLAGSHIP, "--from", EARLIER, "--as-of", DAY],
    ):
        answer = run(*words)
        assert answer.exit_code == 0, answer.output
        assert max(len(line) for line in answer.stdout.splitlines()) <= 80
        assert "nan" not in answer.stdout.lower().split()


def test_explain_and_diff_as_data_and_as_csv(run, flagship: Screened) -> None:
    words = ["explain", FLAGSHIP, "UAL", "--as-of", DAY]
    found = json.loads(run(*words, "--json", "-").stdout)
    assert found == json.loads(json.dumps(explain(flagship, "UAL").as_dict()))
    rows = list(csv.DictReader(io.StringIO(run(*words, "--csv", "-").stdout)))
    parts = [row["part"] for row in rows]
    assert (parts.count("universe"), parts.count("rule"), parts.count("block"), parts.count("metric")) == (10, 1, 3, 9)
    pure = CONFIGS / "pure_low_quality.yaml"
    moved = json.loads(run("diff", FLAGSHIP, pure, "--as-of", DAY, "--json", "-").stdout)
    rows = list(csv.DictReader(io.StringIO(run("diff", FLAGSHIP, pure, "--as-of", DAY, "--csv", "-").stdout)))
    assert [row["ticker"] for row in rows] == [move["ticker"] for move in moved["moves"]]
    assert moved["by_cause"]["rules.all_of[0]"]["enters"] == sum(row["causes"] == "rules.all_of[0]" for row in rows)


def test_tickers_that_nobody_knows_are_told_with_their_place(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    base = "kind: screen\nname: s\nuniverse:\n  index: sp500\n  exclude_tickers:\n    - AAPL\n    - MSFTT\n"
    Path("base.yaml").write_text(base + "blocks: {b: {weight: 1, metrics: [roa]}}\n")
    Path("s.yaml").write_text(
        "kind: screen\nname: mine\nimports: [base.yaml]\nrules: {not: {field: ticker, in: [GOOGLE, NVDA]}}\n"
    )
    answer = run("screen", "s.yaml", "--as-of", DAY)
    assert answer.exit_code == 2
    assert answer.output.splitlines() == [
        "base.yaml:7:7: universe.exclude_tickers[1]: no ticker 'MSFTT' in the data (did you mean 'MSFT'?)",
        "s.yaml:4:35: rules.not.in[0]: no ticker 'GOOGLE' in the data (did you mean 'GOOGL'?)",
        "2 errors",
    ]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["diff", FLAGSHIP], 2, "error: nothing to compare: give a second screen, or an earlier date with --from"),
        (
            ["diff", FLAGSHIP, "--from", DAY, "--as-of", EARLIER],
            2,
            "error: --from 2025-10-16 is after --as-of 2025-07-17",
        ),
        (
            ["screen", FLAGSHIP, "--csv", "-", "--json", "-"],
            2,
            "error: --csv - and --json - together: stdout carries one",
        ),
        (
            ["screen", CONFIGS / "most_shorted.yaml", "--as-of", DAY],
            3,
            "error: most_shorted on 2025-10-16: no name can be",
        ),
        (["explain", FLAGSHIP, "APPL", "--as-of", DAY], 3, "error: no prices of 'APPL'"),
    ],
)
def test_mistakes_on_the_command_line(run, words: list, code: int, message: str) -> None:
    answer = run(*words)
    assert answer.exit_code == code
    assert message in answer.output
    assert "Traceback" not in answer.output
