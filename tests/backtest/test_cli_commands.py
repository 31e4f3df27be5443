"""The command line: exit codes, where output goes, help that shows examples, and no stack trace for a mistake."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import market
from backtest import cli
from backtest.artifacts import write
from backtest.commands.door import door, message
from backtest.commands.terminal import Terminal
from market.contents import Contents
from market.errors import ConfigError, DataError, InfeasibleError, Problem
from screens.metrics import REGISTRY

COMMAND = [sys.executable, "-m", "backtest.cli"]
BAD_RUN = "kind: run\nname: x\nbok: y.yaml\n"


@pytest.fixture(scope="module")
def run():
    runner, app = CliRunner(), cli.application()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


def spawn(*words, **more):
    root = Path(__file__).parents[2]
    return subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60, check=False, cwd=root, **more
    )


def test_the_overview_names_every_command():
    shown = spawn("--help")
    assert shown.returncode == 0
    assert not shown.stderr
    for name, (_, summary) in cli.COMMANDS.items():
        assert f"  {name} " in shown.stdout
        assert summary in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_the_overview_imports_no_library():
    """That is what keeps it fast; typer alone costs a fifth of a second."""
    code = (
        "import sys, backtest.cli as c\n"
        "try: c.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'typer', 'rich', 'pydantic', 'numpy', 'pandas', 'yaml'} & set(sys.modules)\n"
        "sys.stderr.write(','.join(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_validate_imports_no_data_library(tmp_path):
    bad = tmp_path / "run.yaml"
    bad.write_text(BAD_RUN)
    code = (
        f"import sys, backtest.cli as c\ntry: c.main(['validate', {str(bad)!r}])\nexcept SystemExit: pass\n"
        "heavy = {'pandas', 'duckdb', 'scipy', 'vectorbt', 'plotly', 'numba'} & set(sys.modules)\n"
        "sys.stdout.write('heavy:' + ','.join(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy:")


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_helps_with_examples_and_takes_the_common_options(name, run):
    shown = run(*name.split(), "--help")
    assert shown.exit_code == 0
    assert "Examples:" in shown.output
    assert f"hedgebasket {name}" in shown.output
    for option in ("--data", "--json", "--quiet", "--debug"):
        assert option in shown.output, option


def test_help_fits_eighty_columns(run, monkeypatch):
    """Words that are wrapped by the terminal itself cannot be copied."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    assert max(map(len, cli.overview().splitlines())) <= 80
    for name in cli.COMMANDS:
        shown = run(*name.split(), "--help").output
        assert max(map(len, shown.splitlines())) <= 80, name


@pytest.mark.parametrize(
    "words",
    [
        ["validate"],
        ["validate", "--nonsense", "x.yaml"],
        ["validate", "nowhere.yaml"],
        ["screen", "nowhere.yaml", "--top", "many"],
        ["screen", "nowhere.yaml"],
        ["data", "nonsense"],
        ["data", "import"],
        ["data", "import", "--data", "sample", "--prices", "x.csv"],
        ["data", "import", "--data", "s3://bucket/store", "--prices", "x.csv"],
        ["data", "sync", "--data", "/nonexistent/store", "--contact", "desk@example.com", "--since", "yesterday-ish"],
        ["data", "sync", "--data", "/nonexistent/store", "--contact", "desk@example.com", "--tickers", "ZZZZ"],
        ["compare", "nowhere"],
        ["compare", "nowhere", "nowhere"],
        ["metrics", "--family", "nonsense"],
        ["fundamentals", "AAPL", "--as-of", "yesterday-ish"],
        ["backtest", "nowhere.yaml"],
    ],
)
def test_a_wrong_command_line_exits_2_without_a_stack_trace(words, run):
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    assert done.stderr.strip()
    assert not done.stdout.strip()


@pytest.mark.parametrize("words", [["bactest"], ["--nonsense"], ["validate", "nowhere.yaml"]])
def test_so_does_the_installed_program(words):
    done = spawn(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_misspelt_command_is_suggested():
    assert "did you mean 'backtest'?" in spawn("bactest").stderr


def test_a_missing_store_exits_3(run):
    assert run("data", "status", "--data", "/nonexistent/store").exit_code == 3


def test_a_damaged_file_exits_3_and_leaves_the_store_as_it_was(tmp_path, run):
    good, bad, store = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "store"
    good.write_text("date,ticker,close\n2024-01-02,A,10\n2024-01-03,A,11\n")
    assert run("data", "import", "--data", store, "--prices", good, "-q").exit_code == 0
    before = (store / "manifest.json").read_bytes()
    for content, words in (
        (b"date,ticker,close\n2024-01-02,../A,10\n", "prices row 2: ticker: '../A' is not a symbol"),
        (b"date,ticker,close\n2024-01-02,\xff,10\n", "line 2 is not UTF-8"),
        (b"date;ticker;close\n2024-01-02;A;10\n", "separated by semicolons"),
        (b"", "it is empty"),
    ):
        bad.write_bytes(content)
        done = run("data", "import", "--data", store, "--prices", bad, "-q")
        assert done.exit_code == 3
        assert words in done.stderr
        assert "prices" in done.stderr
        assert "Traceback" not in done.output
        assert (store / "manifest.json").read_bytes() == before


def test_an_import_of_facts_computes_what_screens_will_read(tmp_path, run, monkeypatch):
    recorded, store = Path(__file__).parents[1] / "market" / "data" / "sec", tmp_path / "store"
    (tmp_path / "prices.csv").write_text("date,ticker,close\n2023-11-03,AAPL,10\n2023-11-06,AAPL,11\n")
    words = ("data", "import", "--data", store, "--prices", tmp_path / "prices.csv")
    done = run(*words, "--sec-companyfacts", recorded)
    assert "computing statements" in done.stderr
    assert "computing statements" not in run(*words, "--sec-companyfacts", recorded).stderr  # nothing has changed

    def refuse(*_):
        raise AssertionError("the facts were read")

    monkeypatch.setattr(Contents, "facts", refuse)
    view = market.open(store).as_of("2023-11-06")
    assert view.item("revenue")[0] == 383_285e6
    assert np.isfinite(REGISTRY["accruals"](view).value[0])


def test_data_check_says_what_is_covered(tmp_path, run):
    (tmp_path / "prices.csv").write_text("date,ticker,close,volume\n2024-01-02,A,10,-5\n2024-01-03,A,11,5\n")
    (tmp_path / "securities.csv").write_text("ticker,sector\nA,Energy\n")
    done = run("data", "check", "--data", tmp_path, "-q")
    assert done.exit_code == 1  # the negative volume
    assert "row 2: volume: -5 must be at least 0" in done.stdout
    assert "coverage at the end of each year" in done.stdout
    assert "coverage by sector, 2024" in done.stdout
    found = json.loads(run("data", "check", "--data", tmp_path, "-q", "--json", "-").stdout)
    assert ("prices", "negative_volume", "error") in {(f["table"], f["kind"], f["severity"]) for f in found}
    covered = [f["message"] for f in found if f["kind"] == "coverage"]
    assert covered == [
        "all: 1 names, prices 100%, facts 0%, market cap 0%",
        "Energy: 1 names, prices 100%, facts 0%, market cap 0%",
    ]


def test_validate_names_file_line_and_path(tmp_path, run):
    bad = tmp_path / "run.yaml"
    bad.write_text(BAD_RUN)
    shown = run("validate", bad)
    assert shown.exit_code == 2
    assert f"{bad}:3" in shown.stderr
    assert "did you mean" in shown.stderr
    as_data = run("validate", bad, "--json", "-")
    assert as_data.exit_code == 2
    found = json.loads(as_data.stdout)
    assert found["files"] == 1
    assert {"file", "line", "path", "message"} == set(found["errors"][0])


def test_validate_takes_directories(tmp_path, run):
    with_nothing = run("validate", tmp_path)
    assert with_nothing.exit_code == 2
    assert "no YAML file" in with_nothing.stderr


def test_schema_of_every_kind(tmp_path, run):
    from screens.loading import kinds

    assert run("schema", "--out", tmp_path / "schemas").exit_code == 0
    assert {p.name for p in (tmp_path / "schemas").iterdir()} == {f"{kind}.json" for kind in kinds()}
    for path in (tmp_path / "schemas").iterdir():
        assert json.loads(path.read_text())["type"] == "object"


def test_metrics_as_data(run):
    found = json.loads(run("metrics", "--json", "-").stdout)
    assert {"name", "family", "unit", "direction", "formula", "source"} <= set(found[0])
    assert "roa" in {metric["name"] for metric in found}


def test_init_writes_once_and_never_overwrites(tmp_path, run):
    target = tmp_path / "my"
    first = run("init", target)
    assert first.exit_code == 0, first.output
    files = [p for p in target.rglob("*") if p.is_file()]
    assert files
    files[0].write_text("mine")
    again = run("init", target)
    assert again.exit_code == 2
    assert "already there" in again.stderr
    assert files[0].read_text() == "mine"


def test_init_writes_valid_configs(tmp_path, run):
    assert run("init", tmp_path / "my").exit_code == 0
    shown = run("validate", tmp_path / "my")
    assert shown.exit_code == 0, shown.stderr


def test_compare_prints_a_table_and_data(make_result, tmp_path, run):
    first, second = (str(write(make_result(seed), tmp_path / f"run{seed}")) for seed in (1, 2))
    shown = run("compare", first, second)
    assert shown.exit_code == 0
    assert "hedged: return a year" in shown.stdout
    assert "The configs and data are the same." in shown.stdout
    found = json.loads(run("compare", first, second, "--json", "-").stdout)
    assert [r["directory"] for r in found["runs"]] == [first, second]


def test_results_to_stdout_json_to_a_file(make_result, tmp_path, run):
    first, second = (str(write(make_result(seed), tmp_path / f"run{seed}")) for seed in (1, 2))
    file = tmp_path / "out.json"
    shown = run("compare", first, second, "--json", file)
    assert "hedged: return a year" in shown.stdout
    assert "wrote" in shown.stderr
    assert json.loads(file.read_text())["same_span"] is True
    assert "wrote" not in run("compare", first, second, "--json", file, "--quiet").stderr
    nowhere = run("compare", first, second, "--json", tmp_path / "no" / "such" / "out.json")
    assert nowhere.exit_code == 2
    assert "Traceback" not in nowhere.stderr


def test_a_pipe_gets_plain_text(run, make_result, tmp_path):
    first, second = (str(write(make_result(seed), tmp_path / f"run{seed}")) for seed in (1, 2))
    text = run("compare", first, second).stdout
    assert "\x1b" not in text
    assert not set(text) & set("─│┌┐└┘━┃")


def guarded(error, debug=False):
    @door
    def command(debug=False):
        raise error

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, ["--debug"] if debug else [])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong"), 2),
        (ConfigError([Problem("a.yaml", 3, "hedge.window", "too short")]), 2),
        (DataError("missing"), 3),
        (InfeasibleError("ruined on 2021-01-27"), 4),
        (KeyboardInterrupt(), 130),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.yaml"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 2),
        (OSError(errno.EROFS, "Read-only file system", "x"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 3),
        (MemoryError(), 3),
    ],
)
def test_errors_become_messages_and_codes(error, code):
    done = guarded(error)
    assert done.exit_code == code
    assert done.stderr.strip()
    assert "Traceback" not in done.output


def test_debug_shows_the_stack_trace_and_keeps_the_code():
    done = guarded(DataError("missing"), debug=True)
    assert done.exit_code == 3
    assert "Traceback" in done.stderr


def test_a_fault_of_the_program_is_not_dressed_up():
    assert isinstance(guarded(ZeroDivisionError()).exception, ZeroDivisionError)


def test_all_problems_of_a_config_and_their_number():
    # Two readers of one file may both find the same fault: it is told once.
    two = ConfigError([Problem("a.yaml", 9, "b", "wrong"), *[Problem("a.yaml", 3, "a", "wrong", 5)] * 2])
    assert message(two) == "a.yaml:3:5: a: wrong\na.yaml:9: b: wrong\n2 errors"


def test_ctrl_c_says_how_to_go_on():
    assert "Run the same command again" in guarded(KeyboardInterrupt()).stderr


def test_a_closed_pipe_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m backtest.cli metrics --json - | head -1",
        shell=True, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout == "[\n"
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_tables_fit_eighty_columns_on_a_terminal():
    master, slave = os.openpty()
    wide = [(f"name{i}", "a long text that has to wrap somewhere " * 3, 1.5) for i in range(3)]
    code = f"from backtest.commands.terminal import Terminal; Terminal().table(('a', 'b', 'c'), {wide!r})"
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "xterm"}
    subprocess.run(
        [sys.executable, "-c", code], stdout=slave, check=True, env=environment, cwd=Path(__file__).parents[2]
    )
    os.close(slave)
    text = re.sub(r"\x1b\[[0-9;]*m", "", os.read(master, 65536).decode())
    os.close(master)
    assert "name2" in text
    assert max(map(len, text.splitlines())) <= 80


def test_progress_goes_to_stderr_one_line_a_stage(capsys):
    with Terminal().progress() as progress:
        for done in range(3):
            progress("screening", done, 3)
        progress("simulating", 0, 0)
    captured = capsys.readouterr()
    assert captured.err == "screening…\nsimulating…\n"
    assert captured.out == ""
    with Terminal(quiet=True).progress() as progress:
        progress("screening", 0, 0)
    assert capsys.readouterr().err == ""


def test_verbose_tells_seconds_a_stage_and_what_is_read(capsys):
    with Terminal(verbose=True).progress() as progress:
        progress("reading the market", 0, 0)
        market.open("sample").table("rates")
        progress("simulating", 0, 2)
        progress("simulating", 1, 2)
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    reads = [line for line in lines if line.lstrip().startswith("read ")]
    assert any(re.fullmatch(r" +read rates\S*\.parquet: 4,168 rows, 3 columns, \d+\.\d\d s", line) for line in reads)
    stages = [re.sub(r"^ +\d+\.\d\d s  ", "", line) for line in lines if line not in reads]
    assert stages == ["reading the market", "simulating", "in all"]
    assert lines.index(reads[0]) == 0, "what a stage reads stands above its time"
    market.open("sample").table("rates")
    assert capsys.readouterr().err == "", "reads are told within the work only"


def test_quiet_wins_over_verbose(run, capsys):
    with Terminal(quiet=True, verbose=True).progress() as progress:
        progress("reading", 0, 0)
        market.open("sample").table("rates")
    assert capsys.readouterr().err == ""
    for name in ("backtest", "sweep", "ratios", "audit", "data import", "data sync"):
        assert "--verbose" in run(*name.split(), "--help").output, name


def test_an_import_tells_its_stage_when_asked(run, tmp_path):
    (tmp_path / "rates.csv").write_text("date,name,value\n2024-01-02,fed_funds,0.05\n")
    words = ("data", "import", "--data", tmp_path / "store", "--rates", tmp_path / "rates.csv")
    loud = run(*words, "--verbose")
    assert loud.exit_code == 0, loud.stderr
    assert "reading" in loud.stderr
    assert loud.stderr.rstrip().endswith("in all")
    assert run(*words, "--verbose", "--quiet").stderr == ""


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize("plain", [{"NO_COLOR": "1", "TERM": "xterm-256color"}, {"TERM": "dumb"}])
def test_no_colours_on_a_terminal_that_wants_none(plain):
    """A table, a bar and a note, on a pseudo-terminal for stdout and stderr alike: not one escape byte of colour."""
    code = (
        "from backtest.commands.terminal import Terminal\n"
        "t = Terminal()\n"
        "with t.progress() as at:\n    at('simulating', 1, 3)\n"
        "t.table(('a', 'b'), [('x', 1.5)], title='results')\nt.text('done')\nt.note('wrote it')"
    )
    environment = {
        k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR", "COLORTERM", "TTY_COMPATIBLE")
    }
    shown = {}
    for name, settings in (("plain", plain), ("coloured", {"TERM": "xterm-256color"})):
        master, slave = os.openpty()
        subprocess.run(
            [sys.executable, "-c", code], stdout=slave, stderr=slave, check=True,
            env={**environment, "COLUMNS": "80", **settings}, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        os.close(slave)
        shown[name] = os.read(master, 65536).decode()
        os.close(master)
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38|4[0-7]|48|9[0-7])[;m]")
    assert colour.search(shown["coloured"]), "or the check below could not fail"
    assert not colour.search(shown["plain"])
    assert "results" in shown["plain"]
    if plain["TERM"] == "dumb":
        assert "\x1b" not in shown["plain"]
