"""Hand-made tags with dates: who was a hyperscaler, a chip maker, a loser of AI, and from when.

1. A CSV with `ticker, tag, valid_from, valid_to, source, note`; the two last say where the date comes from and why.
2. A tag acts on `valid_from <= day <= valid_to`; an empty `valid_to` is open.
3. A tag without `valid_from` is hindsight in any backtest: it is refused at every session but the last one of the data,
   unless undated tags are allowed in so many words.
4. Every fault of the file is reported at once, with its line.
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import get_args

from market.errors import ConfigError, Problem
from screens.ai_basket import AiTag
from screens.loading import did_you_mean

COLUMNS = ("ticker", "tag", "valid_from", "valid_to", "source", "note")
TAGS: tuple[str, ...] = get_args(AiTag)


@dataclass(frozen=True)
class Tag:
    """One row: `tag` holds for `ticker` between two days, both inclusive; `line` is where it stands."""

    ticker: str
    tag: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    source: str
    note: str
    line: int

    def acts_on(self, day: dt.date) -> bool:
        """Whether the tag holds on a day; one without a start holds always (see `refuse_undated`)."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


def read_tags(path: str | Path) -> tuple[Tag, ...]:
    """The rows of a tags file. Raises `ConfigError` with every fault and its line."""
    path = Path(path)
    try:
        stamp = path.stat()
    except OSError:
        raise ConfigError([Problem(str(path), 1, "", "file not found")]) from None
    return _read(str(path), stamp.st_mtime_ns, stamp.st_size)


def refuse_undated(tags: tuple[Tag, ...], file: str, can_be_allowed: bool = True) -> None:
    """Raise `ConfigError` naming every tag without a start: in a backtest it would be hindsight."""
    escape = ", or set allow_undated: true" if can_be_allowed else ""
    undated = [tag for tag in tags if tag.valid_from is None]
    if undated:
        raise ConfigError(
            [
                Problem(
                    file,
                    tag.line,
                    "valid_from",
                    f"the tag {tag.tag} of {tag.ticker} has no date: hindsight in a backtest; give the day from which"
                    f" it was public{escape}",
                )
                for tag in undated
            ]
        )


@lru_cache(maxsize=16)
def _read(file: str, mtime_ns: int, size: int) -> tuple[Tag, ...]:
    del mtime_ns, size  # they make the cache notice a changed file
    problems: list[Problem] = []
    tags: list[Tag] = []
    with Path(file).open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        missing = [name for name in ("ticker", "tag", "valid_from", "source") if name not in (rows.fieldnames or ())]
        if missing:
            raise ConfigError([Problem(file, 1, "", f"columns missing: {', '.join(missing)}")])
        for row in rows:
            line = rows.line_num
            dates: dict[str, dt.date | None] = {}
            for name in ("valid_from", "valid_to"):
                text = (row.get(name) or "").strip()
                try:
                    dates[name] = dt.date.fromisoformat(text) if text else None
                except ValueError:
                    problems.append(Problem(file, line, name, f"{text!r} is not a date (YYYY-MM-DD)"))
                    dates[name] = None
            values = {name: (row.get(name) or "").strip() for name in COLUMNS}
            problems += [
                Problem(file, line, name, "required, but empty") for name in ("ticker", "source") if not values[name]
            ]
            if values["tag"] not in TAGS:
                hint = did_you_mean(values["tag"], TAGS) or f"; one of {', '.join(TAGS)}"
                problems.append(Problem(file, line, "tag", f"unknown tag {values['tag']!r}{hint}"))
            start, end = dates["valid_from"], dates["valid_to"]
            if start and end and end < start:
                problems.append(Problem(file, line, "valid_to", f"{end} is before valid_from {start}"))
            tags.append(Tag(values["ticker"], values["tag"], start, end, values["source"], values["note"], line))
    if problems:
        raise ConfigError(problems)
    return tuple(tags)
