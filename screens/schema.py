"""JSON Schemas of every kind of config, so that an editor completes and checks as one types.

1. Take the schema of each kind's spec.
2. Add what the spec says in words: the sentence beneath each field, names of metrics with their formulas, sectors.
3. A file with `imports:` may leave out, or set to null, what it inherits: for it nothing is required.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import cast

from pydantic import BaseModel

from screens.imports import IMPORTS
from screens.loading import kinds, spec_class
from screens.vocabulary import GICS_SECTORS
from screens.yaml_tree import Json

DIALECT = "https://json-schema.org/draft/2020-12/schema"
JsonObject = dict[str, Json]
METRIC = "MetricName"  # the definition that lists every metric, once
PART = "Part"  # suffix of the definitions in which nothing is required


def schemas() -> dict[str, JsonObject]:
    """The schema of every kind, by kind."""
    return {kind: schema_of(kind) for kind in kinds()}


def schema_of(kind: str) -> JsonObject:
    """The JSON Schema (draft 2020-12) of files with `kind: <kind>`."""
    spec = spec_class(kind)
    schema: JsonObject = spec.model_json_schema(by_alias=True)
    definitions = cast(JsonObject, schema.setdefault("$defs", {}))
    for model in _models(spec):
        described = schema if model is spec else definitions.get(model.__name__)
        if isinstance(described, dict):
            _describe(model, described)
    if _name_metrics(schema):
        definitions[METRIC] = _metric_names()
    head: JsonObject = {"$schema": DIALECT, "title": f"hedgebasket {kind}"}
    if IMPORTS not in spec.model_fields:
        return {**head, **{key: value for key, value in schema.items() if key != "title"}}
    whole = {key: value for key, value in schema.items() if key != "$defs"}
    parts = {f"{name}{PART}": _relaxed(body) for name, body in definitions.items() if name != METRIC}
    return {
        **head,
        "type": "object",
        "if": {"required": [IMPORTS]},
        "then": {**cast(JsonObject, _relaxed(whole)), "required": ["kind", "name", IMPORTS]},
        "else": whole,
        "$defs": {**definitions, **parts},
    }


def as_text(schema: JsonObject) -> str:
    """The schema as it is written to a file."""
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _models(spec: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and every model its fields lead to, each once."""
    queue, seen = [spec], {spec}
    while queue:
        model = queue.pop()
        yield model
        for field in model.model_fields.values():
            for inner in _classes(field.annotation):
                if inner not in seen:
                    seen.add(inner)
                    queue.append(inner)


def _classes(annotation: object) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _classes(argument)


def _describe(model: type[BaseModel], schema: JsonObject) -> None:
    """Put the sentence beneath each field, and the class's own, into its schema."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for owner in reversed(model.__mro__):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        for name, words in _sentences(owner).items():
            field = model.model_fields.get(name)
            body = properties.get((field.alias or name) if field else name)
            if isinstance(body, dict):
                body.setdefault("description", words)


def _sentences(model: type[BaseModel]) -> dict[str, str]:
    """The strings that stand beneath the fields in a model's source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for line, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[line.target.id] = " ".join(below.value.value.split())
    return found


def _name_metrics(schema: Json) -> bool:
    """Give every property `metric`, and every list of sectors, its closed list of values; whether a metric was met."""
    if isinstance(schema, list):
        return bool([entry for entry in schema if _name_metrics(entry)])  # visits all of them
    if not isinstance(schema, dict):
        return False
    reference: JsonObject = {"$ref": f"#/$defs/{METRIC}"}
    met = False
    properties = schema.get("properties")
    if isinstance(properties, dict):
        if "metric" in properties:
            properties["metric"], met = reference, True
        metrics = properties.get("metrics")
        entries = metrics.get("items") if isinstance(metrics, dict) else None
        if isinstance(entries, dict) and isinstance(entries.get("anyOf"), list):
            forms = cast(list[Json], entries["anyOf"])
            entries["anyOf"] = [
                reference if isinstance(form, dict) and form.get("type") == "string" else form for form in forms
            ]
        for key in ("sectors", "exclude_sectors"):
            body = properties.get(key)
            if isinstance(body, dict) and isinstance(body.get("items"), dict):
                custom: JsonObject = {"type": "string", "pattern": "^custom:.+"}
                body["items"] = {"anyOf": [{"enum": list(GICS_SECTORS)}, custom]}
    return any([met, *(_name_metrics(value) for value in schema.values())])


def _metric_names() -> JsonObject:
    from screens.metrics import REGISTRY

    return {
        "description": "Name of a registered metric.",
        "oneOf": [
            {"const": metric.name, "description": f"{metric.formula} [{metric.unit}]"} for metric in REGISTRY.values()
        ],
    }


def _relaxed(schema: Json) -> Json:
    """The same schema with nothing required and null allowed everywhere, pointing at relaxed definitions."""
    if isinstance(schema, list):
        return [_relaxed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    out: JsonObject = {key: _relaxed(value) for key, value in schema.items() if key != "required"}
    if isinstance(out.get("$ref"), str) and out["$ref"] != f"#/$defs/{METRIC}":
        out["$ref"] = f"{out['$ref']}{PART}"
    for key in ("properties", "patternProperties"):
        bodies = out.get(key)
        if isinstance(bodies, dict):
            out[key] = {
                name: body if name in ("kind", "name", IMPORTS) else _or_null(body) for name, body in bodies.items()
            }
    if isinstance(out.get("additionalProperties"), dict):
        out["additionalProperties"] = _or_null(out["additionalProperties"])
    return out


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}
