"""A spec with fields changed: all changes at once, then every rule asked again.

1. A path is names joined by dots: fields of a spec, keys of a mapping, numbers for places in a list.
2. The changes are laid over what the spec was given, level by level; the whole is validated once at the end, so two
   changes that only fit together are fine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from screens.wording import did_you_mean

SpecT = TypeVar("SpecT", bound=BaseModel)


class PatchError(ValueError):
    """There is no such field."""


@dataclass(frozen=True)
class _Value:
    """The end of a path."""

    value: object
    path: str


_Tree = dict[str, "_Tree | _Value"]


def patched(spec: SpecT, changes: Mapping[str, object]) -> SpecT:
    """`spec` with the field at each path set to its value.

    Raises `PatchError` where no such field can be, pydantic's `ValidationError` where a value cannot.
    """
    tree: _Tree = {}
    for path, value in changes.items():
        _plant(tree, path, value)
    return type(spec).model_validate(_laid_over(spec, tree))


def _plant(tree: _Tree, path: str, value: object) -> None:
    *before, last = path.split(".")
    for step in before:
        below = tree.setdefault(step, {})
        if isinstance(below, _Value):
            raise PatchError(f"'{path}' lies inside '{below.path}', which varies itself")
        tree = below
    if isinstance(inside := tree.get(last), dict):
        raise PatchError(f"'{_first(inside)}' lies inside '{path}', which varies itself")
    tree[last] = _Value(value, path)


def _first(tree: _Tree | _Value) -> str:
    return tree.path if isinstance(tree, _Value) else _first(next(iter(tree.values())))


def _laid_over(node: object, change: _Tree | _Value) -> object:
    if isinstance(change, _Value):
        return change.value
    if isinstance(node, BaseModel):
        fields = type(node).model_fields
        given = {name: getattr(node, name) for name in node.model_fields_set if name in fields}
        for step, below in change.items():
            if step not in fields:
                raise PatchError(_unknown("field", step, list(fields)))
            given[step] = _laid_over(getattr(node, step), below)
        return {fields[name].alias or name: kept for name, kept in given.items()}
    if isinstance(node, Mapping):
        entries = dict(node)
        for step, below in change.items():
            if step not in entries:
                raise PatchError(_unknown("entry", step, [str(key) for key in entries]))
            entries[step] = _laid_over(entries[step], below)
        return entries
    if isinstance(node, list | tuple):
        places = list(node)
        for step, below in change.items():
            if not step.isdigit() or int(step) >= len(places):
                raise PatchError(f"'{step}' is no place in a list of {len(places)}, counted from 0")
            places[int(step)] = _laid_over(places[int(step)], below)
        return places
    raise PatchError(f"'{next(iter(change))}' leads nowhere: what stands before it is a plain value, not a mapping")


def _unknown(what: str, step: str, known: list[str]) -> str:
    near = did_you_mean(step, known)
    hint = near or (f"; there are {', '.join(known)}" if known else "; there are none")
    return f"no {what} '{step}'{hint}"
