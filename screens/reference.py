"""References from one config to another file, and how far they may lead.

1. A reference is relative to the file that holds it, or that it was imported from.
2. It stays inside the project, symbolic links included; absolute paths are refused.
3. It leads to a file that exists and, where the field says so, is a config of the right kind.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from screens.reading import inside, kind_in, nearest_file, reason
from screens.yaml_tree import Node


@dataclass
class Context:
    """What validators may know of the file in hand; `references` collects what it refers to.

    `origins` says, for text that stands in imported files, in which.
    """

    file: Path
    root: Path
    references: list[Path] = field(default_factory=list)
    origins: dict[str, list[Path]] = field(default_factory=dict)

    @staticmethod
    def of(info: ValidationInfo) -> Context | None:
        """The context of a validation, or None outside of a file."""
        return info.context if isinstance(info.context, Context) else None

    def note_origins(self, tree: Node) -> None:
        """Remember which file each text of a merged tree was written in."""
        if isinstance(tree.value, str):
            self.origins.setdefault(tree.value, []).append(Path(tree.mark.file).absolute())
        elif isinstance(tree.value, dict | list):
            for child in tree.value.values() if isinstance(tree.value, dict) else tree.value:
                self.note_origins(child)

    def resolve(self, written: str) -> Path:
        """The file that `written` names. Raises `ValueError` where it may not lead there, or nothing is there."""
        if not written.strip():
            raise ValueError("expected the path of a file, found nothing")
        if os.path.isabs(written) or written[0] == "~" or any(c in '\\:*?"<>|' or c < " " for c in written):
            raise ValueError(f"{written!r} is not a relative path; give it relative to this file, with '/'")
        files = self.origins.get(written) or [self.file]
        targets = [Path(os.path.normpath(file.parent / written)) for file in files]
        try:
            target = next((target for target in targets if target.is_file()), targets[0])
            if not inside(target, self.root) or not inside(target.resolve(), self.root.resolve()):
                raise ValueError(f"'{written}' leads out of the project directory ({self.root.name})")
            if target.is_dir():
                raise ValueError(f"'{written}' is a directory; give a file")
            if not target.is_file():
                raise ValueError(f"file '{written}' not found{nearest_file(target, written)}")
        except OSError as error:
            raise ValueError(f"the path cannot be read ({reason(error)})") from None
        self.references.append(target)
        return target


@dataclass(frozen=True)
class Ref:
    """A reference to another file: as written, and where that leads. Outside of a file: relative to the process."""

    written: str
    target: Path

    def __str__(self) -> str:
        return self.written

    def __fspath__(self) -> str:
        return str(self.target)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema(())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"type": "string", "description": "Path of a file, relative to this one."}


@dataclass(frozen=True)
class RefersTo:
    """Annotation of a `Ref`: the kinds of config it may lead to; none for any file (a table, a list)."""

    kinds: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema(self.kinds)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, object]:
        return {"type": "string", "description": f"Path of a {' or '.join(self.kinds)} file, relative to this one."}


ScreenRef = Annotated[Ref, RefersTo(("screen",))]
BasketRef = Annotated[Ref, RefersTo(("basket",))]
BookRef = Annotated[Ref, RefersTo(("book",))]
RunRef = Annotated[Ref, RefersTo(("run",))]
RegimeRef = Annotated[Ref, RefersTo(("regime",))]
AiBasketRef = Annotated[Ref, RefersTo(("ai_basket",))]


def _schema(allowed: tuple[str, ...]) -> CoreSchema:
    def check(value: object, info: ValidationInfo) -> Ref:
        if isinstance(value, Ref):
            return value
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str):
            raise ValueError("expected the path of a file, relative to this one")
        context = Context.of(info)
        if context is not None:
            target = context.resolve(value)
        else:
            target = Path(value).absolute()
            if not target.is_file():
                raise ValueError(f"file '{value}' not found{nearest_file(target, value)}")
        if allowed and (found := kind_in(target)) not in (*allowed, None):
            raise ValueError(f"'{value}' is of kind {found}; expected {' or '.join(allowed)}")
        return Ref(value, target)

    return core_schema.with_info_plain_validator_function(
        check, serialization=core_schema.plain_serializer_function_ser_schema(str)
    )


def project_root(file: Path) -> Path:
    """The directory that references of `file` may not leave."""
    parents = Path(os.path.abspath(file)).parents  # without "..", as the references are
    for directory in parents:
        if (directory / ".git").exists() or (directory / "pyproject.toml").is_file():
            return directory
    for directory in parents:
        if directory.name == "configs":
            return directory.parent
    return parents[min(1, len(parents) - 1)]
