"""One config built on others of its kind: `imports:` with overrides.

1. Read the imported files in order; each may import in turn, never in a circle.
2. Lay each over the one before, and the importing file over all of them (RFC 7396): mappings merge key by key, null
   removes a key, anything else, lists included, replaces.
3. `kind`, `name`, `description` and `question` are never inherited.

Marks stay with their values: an error in an imported part points into the imported file.
"""

from __future__ import annotations

from pathlib import Path

from market.errors import Problem
from screens.reading import read_tree, shown, text_at
from screens.reference import Context
from screens.yaml_tree import Node

IMPORTS = "imports"  # the key whose files a config of the same kind builds on
_OWN = ("kind", "name", "description", "question", IMPORTS)  # never inherited: they say what this file is


def with_imports(tree: Node, context: Context) -> tuple[Node, list[Problem]]:
    """The tree laid over all it imports, and what is wrong with the imports."""
    merged, problems = _merge(tree, context, (context.file,))
    if merged is not tree:
        context.note_origins(merged)
    return merged, problems


def _merge(tree: Node, context: Context, chain: tuple[Path, ...]) -> tuple[Node, list[Problem]]:
    listed = tree.value.get(IMPORTS) if isinstance(tree.value, dict) else None
    if listed is None or not isinstance(listed.value, list):
        return tree, []  # the spec says what is wrong with another form
    base = Node({}, tree.mark)
    problems: list[Problem] = []
    for position, entry in enumerate(listed.value):
        if not isinstance(entry.value, str):
            continue
        try:
            target = context.resolve(entry.value)
            if target in chain:
                raise ValueError(f"imports run in a circle: {' -> '.join(file.name for file in (*chain, target))}")
            imported, faults = read_tree(shown(target))
            if imported is None:
                problems += faults
                continue
            if text_at(tree, "kind") != text_at(imported, "kind"):
                continue  # the spec's own reference says that another kind is expected
        except ValueError as error:
            mark = entry.mark
            problems.append(Problem(mark.file, mark.line, f"{IMPORTS}[{position}]", str(error), mark.column))
            continue
        inner = Context(target, context.root, context.references)
        imported, deeper = _merge(imported, inner, (*chain, target))
        problems += [*faults, *deeper]
        base = overlay(base, _inheritable(imported))
    return overlay(base, tree), problems


def _inheritable(tree: Node) -> Node:
    assert isinstance(tree.value, dict)
    return Node({key: child for key, child in tree.value.items() if key not in _OWN}, tree.mark, tree.keys)


def overlay(below: Node, above: Node) -> Node:
    """`above` over `below`, as RFC 7396 patches JSON."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    value, keys = dict(below.value), {**below.keys, **above.keys}
    for key, child in above.value.items():
        if child.value is None and key in value:
            del value[key]
        elif key in value:
            value[key] = overlay(value[key], child)
        else:
            value[key] = child
    return Node(value, above.mark, keys)
