"""YAML files to frozen specs, with every error of a file at once and its place.

1. Read the file into a tree with marks (`yaml_tree`); lay it over what it imports (`imports`).
2. Validate against the spec of its `kind`, strictly: numbers are not text, booleans are not words.
3. Check every reference: relative to the file that refers, inside the project, there, of the right kind (`reference`).
4. Turn errors into sentences (`wording`) and raise them together as one `ConfigError`.
5. `validate_files` does so for files and all they refer to, and opens no data.

Kinds are registered by name as "module:Class", so nothing is imported before a file of that kind is read.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ValidationError

from market.errors import ConfigError, Problem
from screens.imports import with_imports
from screens.reading import read_tree, shown
from screens.reference import (
    AiBasketRef,
    BasketRef,
    BookRef,
    Context,
    Ref,
    RefersTo,
    RegimeRef,
    RunRef,
    ScreenRef,
    project_root,
)
from screens.wording import did_you_mean, locate, problems_of
from screens.yaml_tree import Mark, Node

__all__ = [
    "AiBasketRef",
    "BasketRef",
    "BookRef",
    "Context",
    "Ref",
    "RefersTo",
    "RegimeRef",
    "RunRef",
    "ScreenRef",
    "did_you_mean",
    "from_mapping",
    "kinds",
    "load",
    "load_any",
    "placed",
    "register",
    "spec_class",
    "validate_files",
]

SpecT = TypeVar("SpecT", bound=BaseModel)

_KINDS: dict[str, str] = {
    "screen": "screens.spec:ScreenSpec",
    "ai_basket": "screens.ai_basket:AiBasketSpec",
    "regime": "screens.regime.spec:RegimeSpec",
    "basket": "basket.spec:BasketSpec",
    "book": "basket.spec:BookSpec",
    "run": "backtest.spec:RunSpec",
    "sweep": "backtest.sweep_spec:SweepSpec",
}


def register(kind: str, target: str) -> None:
    """Make files with `kind: <kind>` known; `target` is "module:Class" of a pydantic model."""
    _KINDS[kind] = target


def kinds() -> tuple[str, ...]:
    """Every known kind of config, in order of registration."""
    return tuple(_KINDS)


def spec_class(kind: str) -> type[BaseModel]:
    """The spec of a kind. Raises `ConfigError` for a kind that is not known."""
    if kind not in _KINDS:
        raise ConfigError(f"unknown kind '{kind}'{did_you_mean(kind, _KINDS)}; known kinds: {', '.join(_KINDS)}")
    module, _, name = _KINDS[kind].partition(":")
    found: type[BaseModel] = getattr(importlib.import_module(module), name)
    return found


def load(path: str | os.PathLike[str], spec: type[SpecT], root: str | os.PathLike[str] | None = None) -> SpecT:
    """The spec in `path`. Raises `ConfigError` with every problem of the file.

    References may not lead out of `root`; by default that is the project the file lies in: the nearest directory above
    it with a `.git` or `pyproject.toml`, else the parent of its `configs` directory, else the parent of its directory.
    """
    loaded = _read(Path(path), spec, root)
    if not isinstance(loaded.spec, spec) or loaded.problems:
        raise ConfigError(loaded.problems)
    return loaded.spec


def load_any(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> BaseModel:
    """The spec in `path`, of whatever kind its `kind:` says. Raises `ConfigError` with every problem of the file."""
    loaded = _read(Path(path), None, root)
    if loaded.spec is None or loaded.problems:
        raise ConfigError(loaded.problems)
    return loaded.spec


def validate_files(paths: Iterable[str | os.PathLike[str]]) -> list[Problem]:
    """Every problem of these files and of all files they refer to, each once, in order of file and line."""
    queue = [Path(path) for path in paths]
    seen: set[Path] = set()
    problems: set[Problem] = set()
    while queue:
        path = queue.pop(0)
        if path.absolute() in seen:
            continue
        seen.add(path.absolute())
        loaded = _read(path, None, None)
        problems.update(loaded.problems)
        queue += [shown(target) for target in loaded.references if target.suffix in (".yaml", ".yml")]
    return sorted(problems)


def placed(error: ConfigError, path: str | os.PathLike[str]) -> ConfigError:
    """The same error with its problems' places in the config they were found in, where they know only their path.

    What is wrong with a config against data (a ticker that nobody knows) is found long after the file was read.
    """
    file = Path(path).absolute()
    tree, _ = read_tree(Path(path))
    if tree is None or not error.problems:
        return error
    merged, _ = with_imports(tree, Context(file, project_root(file)))
    found = []
    for problem in error.problems:
        if not problem.file:
            loc = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", problem.path)]
            _, mark = locate(merged, loc)
            problem = replace(problem, file=mark.file, line=mark.line, column=mark.column)
        found.append(problem)
    return ConfigError(found)


def from_mapping(data: Mapping[str, object], spec: type[SpecT]) -> SpecT:
    """A spec from plain Python values. Raises `ConfigError` with every problem, as a file would."""
    try:
        made = spec.model_validate(dict(data))
    except ValidationError as error:
        raise ConfigError(problems_of(error, _node(data), spec)) from None
    if isinstance(made, Faulty) and (problems := _placed(made, _node(data))):
        raise ConfigError(problems)
    return made


@runtime_checkable
class Faulty(Protocol):
    """A spec that finds more wrong than one error can say: places in the file, as pydantic writes them, and why."""

    def faults(self) -> Sequence[tuple[tuple[str | int, ...], str]]: ...


def _placed(made: Faulty, tree: Node) -> list[Problem]:
    problems = []
    for loc, message in made.faults():
        path, mark = locate(tree, loc)
        problems.append(Problem(mark.file, mark.line, path, message, mark.column))
    return problems


@dataclass
class _Loaded:
    spec: BaseModel | None
    problems: list[Problem]
    references: list[Path] = field(default_factory=list)


def _read(path: Path, spec: type[BaseModel] | None, root: str | os.PathLike[str] | None) -> _Loaded:
    tree, problems = read_tree(path)
    if tree is None:
        return _Loaded(None, problems)
    found = _kind_problem(tree, str(path), spec)
    if isinstance(found, Problem):
        return _Loaded(None, [*problems, found])
    file = path.absolute()
    context = Context(file, Path(os.path.abspath(root)) if root else project_root(file))
    merged, faults = with_imports(tree, context)
    problems += faults
    made: BaseModel | None = None
    try:
        made = found.model_validate_json(json.dumps(merged.plain()), strict=True, context=context)
    except ValidationError as error:
        problems += problems_of(error, merged, found)
    if isinstance(made, Faulty):
        problems += _placed(made, merged)
    return _Loaded(made, problems, list(dict.fromkeys(context.references)))


def _kind_problem(tree: Node, file: str, expected: type[BaseModel] | None) -> type[BaseModel] | Problem:
    """The spec for the tree's `kind`, or why there is none."""
    assert isinstance(tree.value, dict)
    kind, choices = tree.value.get("kind"), ", ".join(_KINDS)
    if expected is not None and ("kind" not in expected.model_fields or kind is None):
        return expected
    if kind is None or kind.value is None:
        place, how = (tree.mark, "missing") if kind is None else (kind.mark, "empty")
        return Problem(file, place.line, "kind", f"required, but {how}; one of {choices}", place.column)
    if not isinstance(kind.value, str) or kind.value not in _KINDS:
        if isinstance(kind.value, dict | list):
            message = f"expected one of {choices}; found a {'list' if isinstance(kind.value, list) else 'mapping'}"
        else:
            message = f"unknown kind '{kind.value}'{did_you_mean(str(kind.value), _KINDS)}; expected one of {choices}"
        return Problem(file, kind.mark.line, "kind", message, kind.mark.column)
    return expected or spec_class(kind.value)


def _node(value: object) -> Node:
    mark = Mark("<python>", 0, 0)
    if isinstance(value, Mapping):
        return Node({str(key): _node(child) for key, child in value.items()}, mark)
    if isinstance(value, list | tuple):
        return Node([_node(child) for child in value], mark)
    return Node(value if isinstance(value, str | int | float | bool) else None, mark)
