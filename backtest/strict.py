"""What the blocks of a run's config share: strictness, units, and a value that may stand in a file instead."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from screens.loading import Ref, RefersTo

Bps = Annotated[float, Field(ge=0, le=10_000)]
Fraction = Annotated[float, Field(ge=0, le=1)]
TableRef = Annotated[
    Ref,
    RefersTo(()),
    WithJsonSchema(
        {"type": "string", "pattern": r"\.[cC][sS][vV]$", "description": "Path of a CSV file, relative to this one."}
    ),
]


def number_form(value: object) -> str:
    """The same where no word is known: `file` or `number`."""
    return "file" if _is_file(value) else "number"


BpsOrFile = Annotated[
    Annotated[Bps, Tag("number")] | Annotated[TableRef, Tag("file")],
    Discriminator(number_form),
]


class Strict(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def value_form(value: object) -> str:
    """Which form a value takes, so that it is judged as that one alone: `file`, `word` or `number`."""
    return "file" if _is_file(value) else "word" if isinstance(value, str) else "number"


def list_form(value: object) -> str:
    """The same for entries: `file` or `list`."""
    return "file" if _is_file(value) or isinstance(value, str) else "list"


def _is_file(value: object) -> bool:
    return isinstance(value, Ref | os.PathLike) or (isinstance(value, str) and value.lower().endswith(".csv"))
