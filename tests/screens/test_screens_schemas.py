"""JSON Schemas: committed as the code has them; every shipped config refers to one and fits it; faults do not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from screens.loading import kinds
from screens.metrics import REGISTRY
from screens.schema import as_text, schema_of

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
HEAD = "# yaml-language-server: $schema="


class _Words(yaml.SafeLoader):
    """YAML as an editor reads it, with this project's scalars: dates and words stay text."""


_Words.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Words.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def plain(text: str) -> dict:
    return yaml.load(text, _Words)  # noqa: S506


@pytest.fixture(scope="module")
def validators() -> dict[str, jsonschema.Draft202012Validator]:
    made = {}
    for kind in kinds():
        schema = schema_of(kind)
        jsonschema.Draft202012Validator.check_schema(schema)
        made[kind] = jsonschema.Draft202012Validator(schema)
    return made


@pytest.mark.parametrize("kind", kinds())
def test_the_committed_schema_is_that_of_the_code(kind: str) -> None:
    committed = (ROOT / "schemas" / f"{kind}.json").read_text(encoding="utf-8")
    assert committed == as_text(schema_of(kind)), "run: make schemas"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_shipped_config_refers_to_its_schema_and_fits_it(path: Path, validators) -> None:
    text = path.read_text(encoding="utf-8")
    first, config = text.splitlines()[0], plain(text)
    assert first.startswith(HEAD)
    assert (path.parent / first.removeprefix(HEAD)).resolve() == ROOT / "schemas" / f"{config['kind']}.json"
    assert [error.message for error in validators[config["kind"]].iter_errors(config)] == []


SCREEN = {"kind": "screen", "name": "s", "blocks": {"b": {"weight": 1, "metrics": ["roa"]}}}


@pytest.mark.parametrize(
    "change",
    [
        {"universe": {"min_prise": 5}},
        {"universe": {"sectors": ["Technology"]}},
        {"blocks": {"b": {"weight": 1, "metrics": ["return_on_assets"]}}},
        {"blocks": {"b": {"weight": 0, "metrics": ["roa"]}}},
        {"rules": {"all_of": [{"metric": "roa", "op": "=>", "value": 0}]}},
        {"rules": {"all_of": [{"metric": "roa", "op": ">", "value": 0, "on_missing": "skip"}]}},
        {"selection": {"count": 0}},
        {"smoothing": {"dates": 1}},
        {"name": ""},
    ],
)
def test_what_an_editor_underlines(change: dict, validators) -> None:
    assert not list(validators["screen"].iter_errors(SCREEN))
    assert list(validators["screen"].iter_errors(SCREEN | change))


def test_an_editor_knows_every_metric_with_its_formula() -> None:
    listed = {entry["const"]: entry["description"] for entry in schema_of("screen")["$defs"]["MetricName"]["oneOf"]}
    assert set(listed) == set(REGISTRY)
    assert listed["roa"] == f"{REGISTRY['roa'].formula} [ratio]"


def test_every_field_of_a_screen_says_what_it_is_or_is_plain_from_its_name() -> None:
    """Fields an editor explains; the few without a sentence are listed here, so that none is forgotten."""
    schema = json.loads(as_text(schema_of("screen")))
    silent = {
        f"{model}.{name}"
        for model, body in schema["$defs"].items()
        if not model.endswith("Part")
        for name, field in body.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    }
    assert silent <= {
        "Selection.count", "Selection.max_per_sector", "Selection.enter_share", "Selection.exit_share",
        "Universe.dollar_volume_sessions", "Universe.exclude_sectors", "Universe.exclude_industries",
        "Universe.exclude_tickers", "Condition.op", "Label.field",
    }, silent  # fmt: skip
