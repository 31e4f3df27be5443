"""What a variant is made of: the run, its basket, book and screen, with some fields changed.

1. Whole files come first (a basket brings its screen), then fields; all changes of one spec are made at once.
2. `objection` says what is wrong with one value, and whether it is the value or the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import BaseModel, ValidationError

from backtest.patching import PatchError, patched
from backtest.spec import RunSpec
from basket.spec import BasketSpec, BookSpec
from screens.loading import Ref, load
from screens.spec import ScreenSpec
from screens.wording import problems_of
from screens.yaml_tree import Mark, Node

MULTIPLE: Final = "multiple"
HOMES: Final = ("book", "basket", "screen")  # in this order: a basket's file brings a screen of its own
LARGEST_MULTIPLE: Final = 10.0
FIXED: Final = (
    "kind", "name", "question", "description", "span", "initial_nav", "market", "benchmarks", "placebos", "bootstrap",
    "regime",
)  # fmt: skip
"""Fields of the run that are the same for all variants: else their figures could not be compared."""

SCREENING: Final = ("source", "screen", "selection.exclude_issuers")
"""Fields of a basket that change whom its screen is asked about."""

Files = Mapping[str, Mapping[str, Ref]]


@dataclass(frozen=True)
class Objection:
    """Why a value cannot be: its own fault, or that of the path it was given for."""

    text: str
    of_value: bool


@dataclass(frozen=True)
class Base:
    """The specs of a variant. `files` are those tried whole; `multiple` scales the hedge ratio."""

    run: RunSpec
    basket: BasketSpec
    book: BookSpec
    screen: ScreenSpec | None
    multiple: float = 1.0
    files: Files = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunSpec, files: Files | None = None) -> Base:
        """A run with the files it refers to. Raises `ConfigError` where one of them is wrong."""
        basket = load(run.basket.target, BasketSpec)
        return cls(run, basket, load(run.book.target, BookSpec), _screen_of(basket), files=files or {})

    def with_values(self, values: Mapping[str, object]) -> Base:
        """The fields at these paths changed. Raises `PatchError`, or pydantic's error, where that cannot be."""
        changed = self
        for home in HOMES:
            if home in values:
                changed = changed._with_file(home, str(values[home]))
        fields: dict[str, dict[str, object]] = {}
        for path, value in values.items():
            if path in HOMES:
                continue
            if path == MULTIPLE:
                changed = replace(changed, multiple=_multiple(value))
                continue
            head, _, rest = path.partition(".")
            if head in FIXED:
                raise PatchError(f"'{head}' cannot vary: it is the same for all variants of a sweep")
            home, inner = (head, rest) if head in HOMES else ("run", path)
            fields.setdefault(home, {})[inner] = value
        for home, changes in fields.items():
            spec: BaseModel | None = getattr(changed, home)
            if spec is None:
                raise PatchError("the basket is not drawn from a screen")
            changed = replace(changed, **{home: patched(spec, changes)})  # type: ignore[arg-type]
        return changed

    def objection(self, path: str, value: object, alone: bool = True) -> Objection | None:
        """What is wrong with one value; without `alone`, only what no other field could put right."""
        try:
            self.with_values({path: value})
        except PatchError as error:
            return Objection(str(error), of_value=path == MULTIPLE)
        except ValidationError as error:
            steps = path.partition(".")[2].split(".") if path.partition(".")[0] in HOMES else path.split(".")
            at_value = [e for e in error.errors() if _leads_to([str(s) for s in e["loc"]], steps)]
            if not (alone or at_value):
                return None
            said = problems_of(error, Node(None, Mark("", 0, 0)), RunSpec)
            return Objection("; ".join(dict.fromkeys(problem.message for problem in said)), of_value=True)
        return None

    def _with_file(self, home: str, written: str) -> Base:
        found = self.files[home][written]
        if home == "book":
            return replace(self, book=load(found.target, BookSpec))
        if home == "screen":
            if self.screen is None:
                raise PatchError("the basket is not drawn from a screen")
            return replace(self, screen=load(found.target, ScreenSpec))
        basket = load(found.target, BasketSpec)
        return replace(self, basket=basket, screen=_screen_of(basket))


def builds(path: str) -> bool:
    """Whether a field decides who is held, so that basket or book must be built again."""
    return path.partition(".")[0] in (*HOMES, "exclude_book_issuers")


def screens(path: str) -> bool:
    """Whether a field decides what the screen says of the names; others share its evaluation."""
    head, _, rest = path.partition(".")
    return builds(path) and (head != "basket" or not rest or rest.startswith(SCREENING))


def _screen_of(basket: BasketSpec) -> ScreenSpec | None:
    source = basket.origin()
    return load(source.screen.target, ScreenSpec) if source.kind == "screen" else None


def _multiple(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_MULTIPLE:
        raise PatchError(f"expected a number from 0 to {LARGEST_MULTIPLE:g}, found {value!r}")
    return float(value)


def _leads_to(loc: list[str], steps: list[str]) -> bool:
    """Whether an error's location goes through all steps of a path; labels of unions stand between them."""
    rest = iter(loc)
    return all(step in rest for step in steps)
