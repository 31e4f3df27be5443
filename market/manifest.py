"""What a store says of itself: a JSON document that names every file, span, fingerprint and source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from market.errors import DataError
from market.tables import SCHEMA_VERSION, TABLES

FORMAT = "hedgebasket-store"


@dataclass(frozen=True)
class TableEntry:
    """One table of a store. `start` and `end` are ISO days of the column that dates it; `tickers` counts names."""

    file: str
    rows: int
    tickers: int
    start: str | None
    end: str | None
    fingerprint: str
    source: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """All tables of a store, with free notes that every run repeats."""

    tables: Mapping[str, TableEntry] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    generation: int = 0

    @property
    def fingerprint(self) -> str:
        """One fingerprint of all tables' content; notes, sources and file names do not enter."""
        from market.fingerprint import combined

        return combined({name: entry.fingerprint for name, entry in self.tables.items() if entry.rows})

    def with_entry(self, name: str, entry: TableEntry) -> Manifest:
        return replace(self, tables={**self.tables, name: entry})

    def to_json(self) -> str:
        ordered = [name for name in TABLES if name in self.tables]
        document = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "generation": self.generation,
            "notes": list(self.notes),
            "tables": {name: asdict(self.tables[name]) for name in ordered},
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Read a manifest; raises `DataError` where it is damaged, of another format or of a newer version."""
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise DataError(f"{where}: its manifest is of another format ({document['format']})")
            if document["schema_version"] > SCHEMA_VERSION:
                raise DataError(
                    f"{where}: written by a newer version (schema {document['schema_version']}, "
                    f"this one knows {SCHEMA_VERSION}); upgrade hedgebasket"
                )
            tables = {
                name: TableEntry(**{**entry, "columns": tuple(entry["columns"])})
                for name, entry in document["tables"].items()
                if name in TABLES
            }
            return cls(tables, tuple(document["notes"]), int(document["generation"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{where}: damaged manifest.json ({error})") from error
