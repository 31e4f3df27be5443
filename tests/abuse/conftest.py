"""How the abuse is done: commands through the same door as the program's, in this process, hundreds of times.

`HEDGEBASKET_ABUSE=20` in the environment does twenty times as much, with other seeds.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from backtest.commands.door import door

HERE = Path(__file__).parent
TIMES = int(os.environ.get("HEDGEBASKET_ABUSE", "1"))


def module(name: str) -> types.ModuleType:
    """A module of this directory, whichever way the tests were started."""
    qualified = f"hedgebasket_abuse_{name}"
    if qualified not in sys.modules:
        spec = importlib.util.spec_from_file_location(qualified, HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[qualified] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[qualified])
    return sys.modules[qualified]


@dataclass(frozen=True)
class Answer:
    """What a command said: its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    def civil(self) -> bool:
        """A code of the contract, a reason on stderr where it is not fine, nothing a terminal would obey."""
        said = self.out + self.err
        return (
            self.code in (0, 1, 2, 3, 4)
            and (self.code in (0, 1) or bool(self.err.strip()))
            and "Traceback" not in said
            and not any(character in said for character in "\x1b\u202e\x00\x07")
            and max(map(len, self.err.split("\n"))) <= 1500
        )


Knock = Callable[..., Answer]


@pytest.fixture(scope="session")
def knock() -> Knock:
    """Call a command as the program would, less the parsing of the command line; anything unforeseen is raised."""

    def called(command: Callable[..., None], *args: object, **options: object) -> Answer:
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                door(command)(*args, **options)
            except typer.Exit as left:
                code = left.exit_code
        return Answer(code, out.getvalue(), err.getvalue())

    return called


@pytest.fixture(scope="session")
def mutations() -> types.ModuleType:
    return module("mutations")


@pytest.fixture(scope="session")
def damage() -> types.ModuleType:
    return module("damage")


@pytest.fixture(scope="session")
def small_store() -> types.ModuleType:
    return module("small_store")


@pytest.fixture(scope="session")
def times() -> int:
    """How many times the ordinary amount of abuse."""
    return TIMES


@pytest.fixture(scope="session")
def small(small_store, knock, tmp_path_factory) -> types.SimpleNamespace:
    """The small store, imported; its tables as CSV and as frames; its run, basket and screen."""
    from backtest.commands.stores import import_tables

    root = tmp_path_factory.mktemp("small")
    files = small_store.write_tables(root / "tables")
    run = small_store.write_configs(root / "configs")
    answer = knock(import_tables, **{name: str(path) for name, path in files.items()}, data=str(root / "store"))
    assert answer.code == 0, answer.err
    return types.SimpleNamespace(
        root=root, files=files, frames=small_store.tables(), store=root / "store", run=run, configs=run.parent
    )
