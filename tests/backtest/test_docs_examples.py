"""The examples of `docs/configs.md`, and what `init` says to do next: whatever a newcomer copies has to work."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import market
from backtest import cli
from backtest.dated_values import read_values
from backtest.filing_links import last_filings
from backtest.short_terms import bans_of
from backtest.spec import RunSpec
from basket.actions import read_actions
from basket.book import read_holdings
from basket.levels import read_levels
from screens.ai_tags import read_tags, refuse_undated
from screens.loading import kinds, load, load_any

PAGE = Path(__file__).parents[2] / "docs" / "configs.md"
BLOCK = re.compile(r"^`(?P<file>[\w.]+)`\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    directory = tmp_path_factory.mktemp("examples")
    for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        (directory / block["file"]).write_text(block["text"], encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def run():
    runner, app = CliRunner(), cli.application()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


def test_the_page_shows_every_kind_whole_and_valid(examples, run):
    assert PAGE.read_text(encoding="utf-8").count("```") == 2 * len(list(examples.iterdir()))
    assert {load_any(path).kind for path in examples.glob("*.yaml")} == set(kinds())
    shown = run("validate", examples)
    assert shown.exit_code == 0, shown.stderr
    (examples / "screen.yaml").rename(examples / "gone")
    assert run("validate", examples).exit_code == 2, "or validation would not follow references"
    (examples / "gone").rename(examples / "screen.yaml")


def test_the_tables_are_read_by_those_who_use_them(examples):
    known = market.open("sample").tickers
    tags = read_tags(str(examples / "tags.csv"))
    refuse_undated(tags, "tags.csv")
    assert [tag.ticker for tag in tags] == ["NVDA", "PLTR"]
    actions = read_actions(pd.read_csv(examples / "actions.csv", dtype=str, keep_default_na=False), set(known))
    assert [action.kind for action in actions] == ["cash_merger", "stock_merger"]
    assert read_holdings(examples / "positions.csv", known).unit == "shares"
    assert list(read_levels(examples / "levels.csv")) == [100.0, 99.85, 96.47]
    assert [value for *_, value in read_values(examples / "fees.csv", known, 0.0, 5.0)] == [0.004, 0.035]
    assert [ban[0] for ban in bans_of(load(examples / "run.yaml", RunSpec), known)] == ["F"]


def test_the_screen_and_its_basket_run_on_the_sample(examples, run):
    screened = run("screen", examples / "screen.yaml", "--as-of", "2024-06-28")
    assert screened.exit_code == 0, screened.stderr
    built = run("basket", examples / "basket.yaml", "--as-of", "2024-06-28")
    assert built.exit_code == 0, built.stderr


def test_the_run_works_on_the_sample(examples, run):
    """What is wrong with a table shows when a run uses it. Few draws save time; levels are the shipped years."""
    shown_levels = (examples / "levels.csv").read_bytes()
    (examples / "levels.csv").write_bytes((PAGE.parents[1] / "configs/levels/example_levels.csv").read_bytes())
    whole = (examples / "run.yaml").read_text(encoding="utf-8")
    quick = "placebos: {best_quality: false, random_draws: 0}\nbootstrap: {draws: 100}\n"
    (examples / "run.yaml").write_text(whole + quick, encoding="utf-8")
    done = run("backtest", examples / "run.yaml", "--quiet")
    (examples / "run.yaml").write_text(whole, encoding="utf-8")
    (examples / "levels.csv").write_bytes(shown_levels)
    assert done.exit_code == 0, done.stderr


def test_a_company_whose_cik_nobody_knows_has_a_filing_without_a_link():
    opened = market.open("sample")
    cik = pd.Series([pd.NA, 320193], index=["MSFT", "AAPL"], dtype="Int64")
    (form, _, link), (_, _, known) = last_filings(opened.as_of(opened.end), cik)
    assert form == "10-Q"
    assert link == ""
    assert "0000320193" in known or "/320193/" in known


def test_what_init_says_to_do_next_works(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    told = run("init").stdout
    words = shlex.split(re.search(r"^Next: hedgebasket (.*)$", told, re.MULTILINE)[1])
    assert words[:2] == ["backtest", str(Path("configs/runs/low_quality_vs_mega_cap.yaml"))], "the run of the overview"
    done = run(*words, "--quiet")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "runs" / "first" / "report.html").stat().st_size > 100_000
    schemas = shlex.split(re.search(r"editor: hedgebasket (.*)$", told, re.MULTILINE)[1])
    assert run(*schemas).exit_code == 0
    modeline = (tmp_path / "configs/runs/low_quality_vs_mega_cap.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert (tmp_path / "configs/runs" / modeline.partition("$schema=")[2]).is_file(), "where the config looks for it"
