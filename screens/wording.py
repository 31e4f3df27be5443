"""From a pydantic error to a sentence: where it stands in the file, what was found, what was expected, and a hint.

1. Walk the error's location down the YAML tree; a component that is not in the tree is the label of a union: skipped.
2. Put the error at the key (unknown or missing ones) or at the value (everything else).
3. Say it in the project's own words, which do not change with the version of a library.
4. Several complaints about one value (the members of a union) become one sentence.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from market.errors import Problem
from screens.yaml_tree import Mark, Node

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date such as 2024-01-31",
    "date_parsing": "a date such as 2024-01-31",
    "date_from_datetime_parsing": "a date such as 2024-01-31",
    "date_from_datetime_inexact": "a date such as 2024-01-31",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "none_required": "nothing",
}
_FIGURE = re.compile(
    r"[$€£]?\s*(?P<digits>[-+]?[0-9]{1,15}(?:\.[0-9]+)?)\s*(?P<scale>%|k|m|mn|bn|)(?: ?USD)?\Z", re.IGNORECASE
)
_SCALES = {"": 1.0, "%": 0.01, "k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the nearest known word, or nothing.

    >>> did_you_mean("min_prise", ["min_price", "index"])
    " (did you mean 'min_price'?)"
    """
    choices = {choice.lower(): choice for choice in known}
    swapped = [choice for lower, choice in choices.items() if sorted(lower) == sorted(str(word).lower())]
    if swapped:
        return f" (did you mean '{swapped[0]}'?)"
    near = difflib.get_close_matches(str(word).lower(), list(choices), n=1, cutoff=0.6)
    return f" (did you mean '{choices[near[0]]}'?)" if near else ""


def problems_of(error: ValidationError, root: Node, model: type[BaseModel]) -> list[Problem]:
    """Every error of one validation as problems with file, line and column, one per place and matter."""
    spoken: dict[tuple[str, Mark, bool], list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # long enough, but for the entries that are wrong themselves
        path, mark = locate(root, detail["loc"], detail["type"])
        spoken.setdefault((path, mark, _expectation(detail) is not None), []).append(detail)
    problems = []
    for (path, mark, typed), details in spoken.items():
        if typed and len(details) > 1:
            messages = [_one_of(details)]
        else:
            messages = list(dict.fromkeys(_sentence(detail, model) for detail in details))
        for message in messages:
            at, place, words = _narrowed(root, details[0], message) or (path, mark, message)
            problems.append(Problem(place.file, place.line, at, words, place.column))
    return problems


def _narrowed(root: Node, detail: ErrorDetails, message: str) -> tuple[str, Mark, str] | None:
    """A complaint about a mapping that begins with a key in it (`min_metrics: ...`, `hedge.band: ...`) stands there."""
    key, colon, words = message.partition(": ")
    if detail["type"] != "value_error" or not colon:
        return None
    node = root
    for component in detail["loc"]:
        if isinstance(node.value, list) and isinstance(component, int):
            node = node.value[component]
        elif isinstance(node.value, dict) and component in node.value:
            node = node.value[str(component)]
    mark = node.mark
    for part in key.split("."):
        if not isinstance(node.value, dict) or part not in node.value:
            return None
        mark, node = node.keys.get(part, node.mark), node.value[part]
    path, _ = locate(root, detail["loc"])
    return f"{path}.{key}" if path else key, mark, words


def locate(root: Node, loc: Sequence[int | str], error_type: str = "") -> tuple[str, Mark]:
    """The path in words (`rules.all_of[0].op`) and the place of a pydantic location.

    Unknown keys stand where the key stands, missing ones where the mapping's own key does, values where the value does.
    """
    node, mark, path = root, root.mark, ""
    for component in loc:
        if isinstance(node.value, list) and isinstance(component, int) and component < len(node.value):
            node = node.value[component]
            mark, path = node.mark, f"{path}[{component}]"
        elif isinstance(node.value, dict) and component in node.value:
            key = str(component)
            mark = node.keys.get(key, node.mark)
            node = node.value[key]
            if error_type != "extra_forbidden" and not isinstance(node.value, dict | list):
                mark = node.mark
            path = f"{path}.{key}" if path else key
    if error_type == "missing" and isinstance(loc[-1], str):
        path = f"{path}.{loc[-1]}" if path else loc[-1]
    return path, mark


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    shown = text if len(text) <= 40 else text[:39] + "…"
    return f"'{shown}'" if isinstance(value, str) else shown


def _expectation(detail: ErrorDetails) -> str | None:
    kind = detail["type"]
    if kind in ("literal_error", "enum"):
        words = str(detail["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
        return words.replace("True", "true").replace("False", "false")
    return _EXPECTED.get(kind)


def _one_of(details: Sequence[ErrorDetails]) -> str:
    expected = list(dict.fromkeys(str(_expectation(detail)) for detail in details))
    return f"expected {' or '.join(expected)}, found {_found(details[0]['input'])}"


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, found, ctx = detail["type"], _found(detail["input"]), detail.get("ctx", {})
    if kind == "missing":
        if isinstance(detail["loc"][-1], int):
            return f"needs another entry after {len(detail['input'])}"
        return "required, but missing"
    if kind == "extra_forbidden":
        return _unknown_key(detail, model)
    if kind in ("literal_error", "enum"):
        choices = [choice.strip() for choice in str(_expectation(detail)).split(",")]
        return f"expected one of {', '.join(choices)}; found {found}{did_you_mean(str(detail['input']), choices)}"
    if kind == "union_tag_invalid":
        choices = [choice.strip(" '") for choice in str(ctx["expected_tags"]).split(",")]
        tag = str(ctx["tag"])
        return f"{ctx['discriminator']} is '{tag}'; expected one of {', '.join(choices)}{did_you_mean(tag, choices)}"
    if kind == "union_tag_not_found":
        return f"{ctx['discriminator']} is missing; it says which form this takes"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {_number(ctx[name])}, found {found}"
    if kind in ("too_short", "too_long"):
        words, limit = ("at least", ctx.get("min_length")) if kind == "too_short" else ("at most", ctx["max_length"])
        return f"needs {words} {limit} {'entry' if limit == 1 else 'entries'}, found {ctx['actual_length']}"
    if kind in ("string_too_short", "string_too_long"):
        words, limit = (
            ("at least", ctx.get("min_length")) if kind == "string_too_short" else ("at most", ctx["max_length"])
        )
        return f"needs {words} {limit} character{'' if limit == 1 else 's'}, found {found}"
    if kind == "string_pattern_mismatch":
        return f"{found} does not fit the pattern {ctx['pattern']}"
    if kind in ("value_error", "assertion_error"):
        return str(ctx["error"])
    expected = _expectation(detail)
    if expected is not None:
        return f"expected {expected}, found {found}{_hint(expected, detail['input'])}"
    return detail["msg"]


def _hint(expected: str, value: object) -> str:
    if not isinstance(value, str):
        return ""
    if "number" in expected:
        figure = _FIGURE.match(value.strip().replace(",", ""))
        if figure is None:
            return ""
        number = float(figure["digits"]) * _SCALES[figure["scale"].lower()]
        return f"; write {int(number) if number == int(number) else f'{number:g}'}"
    if expected == "true or false" and value.lower() in ("yes", "on", "y", "no", "off", "n"):
        return f"; write {'true' if value.lower() in ('yes', 'on', 'y') else 'false'}"
    return ""


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unknown_key(detail: ErrorDetails, model: type[BaseModel]) -> str:
    key = str(detail["loc"][-1])
    known = known_keys(model, detail["loc"][:-1])
    hint = did_you_mean(key, known)
    if not hint and known:
        hint = f"; known here: {', '.join(known)}"
    return f"unknown key '{key}'{hint}"


def known_keys(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """The keys that the model allows at a pydantic location, in order of declaration."""
    candidates: list[object] = [model]
    for component in loc:
        inner = [annotation for candidate in candidates for annotation in _step(candidate, component)]
        if inner:
            candidates = inner
        else:  # the label of a union
            named = [candidate for candidate in candidates if _labelled(candidate, str(component))]
            candidates = named or candidates
    keys: dict[str, None] = {}
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            keys.update(dict.fromkeys(field.alias or name for name, field in candidate.model_fields.items()))
    return list(keys)


def _flatten(annotation: object) -> list[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _flatten(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [leaf for member in get_args(annotation) for leaf in _flatten(member)]
    return [annotation]


def _step(candidate: object, component: int | str) -> list[object]:
    origin, args = get_origin(candidate), get_args(candidate)
    if isinstance(component, int):
        if origin in (list, tuple, set, frozenset):
            inner = args[component] if origin is tuple and len(args) > component and args[-1] is not ... else args[0]
            return _flatten(inner)
        return []
    if isinstance(candidate, type) and issubclass(candidate, BaseModel):
        for name, field in candidate.model_fields.items():
            if component in (name, field.alias):
                return _flatten(field.annotation)
        return []
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2:
        return _flatten(args[1])
    return []


def _labelled(candidate: object, label: str) -> bool:
    if not (isinstance(candidate, type) and issubclass(candidate, BaseModel)):
        return False
    if candidate.__name__ == label:
        return True
    kind = candidate.model_fields.get("kind")
    return kind is not None and get_origin(kind.annotation) is Literal and label in get_args(kind.annotation)
