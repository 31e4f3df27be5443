"""A spec with one field changed: validated again from that field up to the whole.

1. A path is names joined by dots: fields of a spec, keys of a mapping, numbers for places in a list.
2. The innermost spec is validated with the new value, then each spec around it, so every rule is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel

SpecT = TypeVar("SpecT", bound=BaseModel)


class PatchError(ValueError):
    """There is no such field."""


def patched(spec: SpecT, path: str, value: object) -> SpecT:
    """`spec` with the field at `path` set to `value`.

    Raises `PatchError` where no such field can be, pydantic's `ValidationError` where the value cannot.
    """
    return type(spec).model_validate(_changed(spec, path.split("."), value, path))


def _changed(node: object, steps: list[str], value: object, path: str) -> object:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(node, BaseModel):
        fields = type(node).model_fields
        if step not in fields:
            raise PatchError(f"no field '{step}'{_hint(step, list(fields))} (in '{path}')")
        given = {name: getattr(node, name) for name in node.model_fields_set if name in fields}
        given[step] = _changed(getattr(node, step), rest, value, path)
        return {fields[name].alias or name: kept for name, kept in given.items()}
    if isinstance(node, Mapping):
        if step not in node:
            raise PatchError(f"no entry '{step}'{_hint(step, [str(key) for key in node])} (in '{path}')")
        return {**node, step: _changed(node[step], rest, value, path)}
    if isinstance(node, list | tuple):
        if not step.isdigit() or int(step) >= len(node):
            raise PatchError(f"'{step}' is no place in a list of {len(node)}, counted from 0 (in '{path}')")
        place = int(step)
        return [*node[:place], _changed(node[place], rest, value, path), *node[place + 1 :]]
    raise PatchError(f"'{step}' leads nowhere: what is before it is a plain value (in '{path}')")


def _hint(step: str, known: list[str]) -> str:
    near = get_close_matches(step, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"
