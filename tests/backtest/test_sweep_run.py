"""Whole sweeps on the sample: same table whoever does the work, killed or not; failures are trials; nothing is lost.

The baskets are lists, so that a process needs a second to build them, and several units exist.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from backtest import cli
from backtest.sweep_run import sweep
from backtest.sweep_store import MANIFEST, PARTS, VARIANTS, read_manifest
from backtest.sweep_workers import Question, in_processes, on_cluster
from market.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]
N_VARIANTS = 16
VARY = """\
vary:
  basket.source.tickers: [[F, GM], [UAL, DAL, CCL], [F, VZ], [ZZZZ]]
  hedge.window: [100, 252]
  hedge.min_sessions: [90, 126]
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory) -> Path:
    """A sweep of four baskets, one unknown, and a window that is too short."""
    configs = tmp_path_factory.mktemp("sweeps") / "configs"
    configs.mkdir()
    weights = "schedule: {frequency: quarterly}\nweights: {scheme: equal}\n"
    (configs / "book.yaml").write_text(
        f"kind: book\nname: book\nsource: {{kind: fixed, tickers: [AAPL, MSFT]}}\n{weights}"
    )
    (configs / "basket.yaml").write_text(f"kind: basket\nname: b\nsource: {{kind: fixed, tickers: [F, GM]}}\n{weights}")
    (configs / "run.yaml").write_text(
        "kind: run\nname: base\nbook: book.yaml\nbasket: basket.yaml\nspan: {start: 2023-01-03, end: 2024-06-28}\n"
    )
    path = configs / "sweep.yaml"
    path.write_text(f"kind: sweep\nname: tried\nrun: run.yaml\n{VARY}")
    return path


@pytest.fixture(scope="module")
def alone(tried, tmp_path_factory):
    """The sweep by this process, with its directory."""
    out = tmp_path_factory.mktemp("alone") / "out"
    return sweep(tried, out=out), out


def test_a_row_a_variant_ranked_with_the_number_of_trials(alone):
    found, out = alone
    table = found.table
    assert sorted(table["variant"]) == list(range(N_VARIANTS))
    lived = table[table["status"] == "done"]
    assert list(lived["rank"]) == list(range(1, len(lived) + 1))
    assert (lived["sharpe"].diff().dropna() <= 0).all()
    assert (table["trials"] == N_VARIANTS).all()
    assert set(found.returns) == set(lived["variant"])
    assert {p.name for p in out.iterdir()} == {VARIANTS, "returns.parquet", "summary.json", "sweep.html", MANIFEST}
    assert read_manifest(out)["finished"] is True


def test_failed_variants_are_trials_with_their_reason(alone):
    """The unknown ticker fails four; a window of 100 under 126 sessions at least fails three of the others."""
    found, _ = alone
    failed = found.table[found.table["status"] == "failed"]
    assert len(failed) == 7
    assert failed["rank"].isna().all()
    assert failed["sharpe"].isna().all()
    assert failed["reason"].str.contains("ZZZZ").sum() == 4
    assert failed["reason"].str.contains("min_sessions").sum() == 3
    assert found.summary["variants"] == {"tried": 16, "done": 9, "failed": 7, "ruined": 0}
    assert sum(found.summary["failures"].values()) == 7
    assert found.summary["trials"] == 16
    assert found.summary["conclusion"][0].startswith("16 variants were tried; 7 of them failed")


def test_a_variant_is_the_run_it_stands_for(alone, tried):
    """The same numbers as `backtest.run` on a run written out by hand."""
    import market
    from backtest.evaluate.performance import returns_of
    from backtest.pipeline import run
    from backtest.spec import RunSpec
    from screens.loading import load

    spec = load(tried.parent / "run.yaml", RunSpec)
    quick = {"placebos": {"best_quality": False, "random_draws": 0}, "bootstrap": {"draws": 100}}
    result = run(
        spec.model_copy(update={k: type(getattr(spec, k))(**v) for k, v in quick.items()}), market.open("sample")
    )
    found, _ = alone
    table = found.table
    mine = (table["basket.source.tickers"] == "[F, GM]") & (table["hedge.window"] == 252)
    row = table[mine & (table["hedge.min_sessions"] == 126)].iloc[0]
    for figure in ("cagr", "volatility", "sharpe", "max_drawdown", "cvar_95", "beta_to_market"):
        assert row[figure] == pytest.approx(result.summary["sleeves"]["hedged"][figure], rel=1e-9), figure
    hedged = returns_of(result.nav["hedged"])
    assert np.abs(found.returns[int(row["variant"])] - hedged).max() < 1e-7  # kept in single precision
    rival = result.alternatives["short SPY, equal beta"]
    growth = returns_of(rival)
    assert row["over_benchmark"] == pytest.approx(float((hedged - growth).mean() * 252), abs=1e-9)


def test_local_processes_write_the_same_bytes(alone, tried, tmp_path):
    sweep(tried, out=tmp_path / "two", workers=2)
    for file in sorted(p.name for p in alone[1].iterdir()):
        assert (tmp_path / "two" / file).read_bytes() == (alone[1] / file).read_bytes(), file


KILLED = """\
import os, signal, sys
from backtest import sweep_store, sweep_run
after, where = int(sys.argv[3]), sys.argv[4]
write, count = sweep_store._write, [0]
def dying(path, content):
    mine = {"part": path.parent.name == "parts", "end": path.parent.name != "parts"}[where]
    count[0] += mine
    if mine and count[0] > after:
        if where == "part":
            beside = path.with_name(f".{path.name}.{os.getpid()}")
            beside.write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
sweep_store._write = dying
sweep_run.sweep(sys.argv[1], out=sys.argv[2], resume=True)
"""


def test_a_sweep_killed_at_any_point_goes_on_without_duplicate_or_loss(alone, tried, tmp_path):
    """Killed while writing the second part, while writing a part on resuming, and between the files at the end."""
    out = tmp_path / "killed"
    for after, where, parts in ((1, "part", 1), (2, "part", 3), (1, "end", 5)):
        died = subprocess.run(
            [sys.executable, "-c", KILLED, str(tried), str(out), str(after), where],
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
        assert len(list((out / PARTS).glob("unit-*.parquet"))) == parts
        assert read_manifest(out)["finished"] is False
    # a part torn by a failing disk is done again as well
    part = sorted((out / PARTS).glob("unit-0*.parquet"))[0]
    part.write_bytes(part.read_bytes()[:-40])
    with pytest.raises(ConfigError, match="unfinished sweep"):
        sweep(tried, out=out)
    sweep(tried, out=out, resume=True)
    for file in sorted(p.name for p in alone[1].iterdir()):
        assert (out / file).read_bytes() == (alone[1] / file).read_bytes(), file
    assert {p.name for p in out.iterdir()} == {p.name for p in alone[1].iterdir()}


def test_a_finished_sweep_is_read_not_run_again(alone, tried, monkeypatch):
    monkeypatch.setattr("backtest.sweep_run._work", lambda *_: pytest.fail("worked again"))
    found = sweep(tried, out=alone[1], resume=True)
    pd.testing.assert_frame_equal(found.table, alone[0].table)
    assert found.summary == json.loads(json.dumps(alone[0].summary))


def test_another_config_is_not_resumed_and_a_strange_directory_not_touched(alone, tried, tmp_path):
    other = tried.with_name("other.yaml")
    other.write_text(tried.read_text().replace("[90, 126]", "[90, 120]"))
    with pytest.raises(ConfigError, match="cannot be resumed"):
        sweep(other, out=alone[1], resume=True)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an earlier sweep"):
        sweep(tried, out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_two_sweeps_do_not_write_into_one_directory(tried, tmp_path):
    from filelock import FileLock

    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"), pytest.raises(ConfigError, match="another sweep is writing here"):
        sweep(tried, out=tmp_path / "out")


def test_workers_that_see_other_files_are_refused(tried):
    from backtest.sweep_unit import run_unit

    with pytest.raises(DataError, match="other data or another version"):
        run_unit(str(tried), "sample", "0" * 64, 0)


def test_local_workers_that_are_killed_are_replaced(tried, monkeypatch):
    """The first pool dies with one unit done; the rest is done by the next one."""
    from concurrent.futures.process import BrokenProcessPool

    from backtest import sweep_workers

    asked: list[list[int]] = []

    def dying(_question, numbers, _workers):
        asked.append(list(numbers))
        yield numbers[0], b"part"
        if len(asked) == 1:
            raise BrokenProcessPool
        yield from ((n, b"part") for n in numbers[1:])

    monkeypatch.setattr(sweep_workers, "_one_pool", dying)
    question = Question(str(tried), "sample", "")
    assert [n for n, _ in in_processes(question, [3, 1, 2], 2)] == [3, 1, 2]
    assert asked == [[3, 1, 2], [1, 2]]

    def hopeless(*_):
        raise BrokenProcessPool
        yield

    monkeypatch.setattr(sweep_workers, "_one_pool", hopeless)
    with pytest.raises(DataError, match="fewer --workers"):
        list(in_processes(question, [1], 2))


def test_the_command_prints_the_table_and_what_it_is_worth(alone, tried, tmp_path):
    shown = CliRunner().invoke(cli.application(["sweep"]), ["sweep", str(tried), "--out", str(alone[1]), "--resume"])
    assert shown.exit_code == 0, shown.output
    assert "16 variants were tried" in shown.output
    assert "not a way to choose a variant" in shown.output
    rows = tmp_path / "rows.json"
    again = CliRunner().invoke(
        cli.application(["sweep"]),
        ["sweep", str(tried), "--out", str(alone[1]), "--resume", "--quiet", "--json", str(rows)],
    )
    assert again.exit_code == 0
    told = json.loads(rows.read_text())
    assert len(told) == N_VARIANTS
    assert {"rank", "variant", "hedge.window", "sharpe", "status", "deflated_sharpe", "trials", "pbo"} <= set(told[0])
    assert told[-1]["sharpe"] is None


def test_progress_in_a_pipe_tells_the_time_left(monkeypatch):
    import io

    from backtest.commands import terminal

    clock = iter([100.0, 101.0, 106.0, 107.0, 112.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    report = terminal._lines(stream)
    for done in (20, 30, 40, 50, 80):  # twenty were there before
        report("variants", done, 140)
    assert stream.getvalue().splitlines() == [
        "variants…", "variants: 40 of 140, about 0:30 left", "variants: 80 of 140, about 0:12 left"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--workers", "2", "--dask", "tcp://127.0.0.1:1"], "one of the two"),
        (["--workers", "0"], "workers"),
    ],
)
def test_wrong_options_exit_2(tried, words, text):
    shown = CliRunner().invoke(cli.application(["sweep"]), ["sweep", str(tried), *words])
    assert shown.exit_code == 2
    assert text in shown.output


def test_the_page_carries_no_script_from_the_config(alone, tried):
    from dataclasses import replace

    found, _ = alone
    nasty = "</script><script>alert(1)</script>"
    spec = found.spec.model_copy(update={"question": nasty})
    page = replace(found, spec=spec).page()
    assert nasty not in page
    assert "&lt;/script&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "Content-Security-Policy" in page


def test_the_heat_map_holds_medians_and_holes(alone):
    from backtest.sweep_page import axes_of, heat_map

    found, _ = alone
    assert axes_of(found.spec) == ("basket.source.tickers", "hedge.window")
    drawn = heat_map(found.spec, found.table, "sharpe", "Sharpe", "ratio", "basket.source.tickers", "hedge.window")
    assert drawn.y == ["100", "252"]
    assert [row[3] for row in drawn.z] == [None, None]  # the unknown ticker
    one = found.table[(found.table["basket.source.tickers"] == "[F, GM]") & (found.table["hedge.window"] == 252)]
    assert drawn.z[1][0] == pytest.approx(one["sharpe"].median())
    assert drawn.count == 2


def test_dask_is_optional_and_says_what_to_install(tried, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"hedgebasket\[dask\]"):
        list(on_cluster(Question(str(tried), "sample", ""), [0], "tcp://127.0.0.1:1"))


def test_nobody_at_the_address_is_a_mistake_of_the_command_line(tried, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("backtest.sweep_workers.JOINING_SECONDS", 1)
    with pytest.raises(ConfigError, match="no scheduler answers"):
        list(on_cluster(Question(str(tried), "sample", ""), [0], "tcp://127.0.0.1:9"))


@pytest.fixture
def cluster(tmp_path):
    """A Dask scheduler on loopback and a function that starts a worker; all end with the test."""
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        log = open(tmp_path / f"{len(started)}.log", "wb")  # noqa: SIM115  (lives as long as the process)
        done = subprocess.Popen([sys.executable, "-m", *words], stdout=log, stderr=log, cwd=ROOT)
        log.close()
        started.append(done)
        return done

    start(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(file),
    )  # fmt: skip
    for _ in range(600):
        if file.exists() and file.stat().st_size:
            break
        signal.sigtimedwait([], 0.1)

    def worker() -> subprocess.Popen[bytes]:
        return start(
            "distributed.cli.dask_worker", "--scheduler-file", str(file), "--no-nanny", "--nthreads", "1",
            "--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(tmp_path),
        )  # fmt: skip

    yield json.loads(file.read_text())["address"], worker
    for process in started:
        process.kill()
        process.wait()


def test_a_cluster_that_loses_a_worker_writes_the_same_bytes(alone, tried, tmp_path, cluster):
    address, worker = cluster
    first, second = worker(), worker()
    killed = []

    def progress(_stage, done, _total):
        if done and not killed:
            os.kill(first.pid, signal.SIGKILL)
            killed.append(done)

    sweep(tried, out=tmp_path / "cluster", dask=address, progress=progress)
    assert killed
    assert killed[0] < N_VARIANTS, "killed in the middle"
    assert first.wait() == -signal.SIGKILL
    assert second.poll() is None
    for file in sorted(p.name for p in alone[1].iterdir()):
        assert (tmp_path / "cluster" / file).read_bytes() == (alone[1] / file).read_bytes(), file
