"""Many companyfacts at once: the SEC's nightly `companyfacts.zip`, or a directory of `CIK##########.json(.gz)`.

1. Find the documents by the CIK in their names; nothing is unpacked to disk.
2. One company at a time is read, normalised (with its predecessors) and handed on: memory stays flat.
3. The tickers of a CIK are those of `market.sources.sec.naming`; a company without one is called by it: `CIK320193`,
   until a later import knows its ticker.
4. `import_companyfacts` writes them into a store, replaces those companies' facts and keeps the others'. Companies left
   out (foreign filers, unreadable documents) are reported with the reason.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from market.errors import DataError
from market.sources.coverage import tickers_of
from market.sources.sec.companyfacts import as_frame
from market.sources.sec.history import joined, table
from market.sources.sec.naming import called_by_cik, tickers_by_cik
from market.sources.sec.successors import PREDECESSORS, filers
from market.store import Store
from market.writer import Writer

NAME = re.compile(r"(?:^|/)CIK(\d{1,10})\.json(\.gz)?$")
SOURCE = "SEC companyfacts"
Progress = Callable[[str, int, int], None]


class Documents:
    """Companyfacts documents by CIK in a directory or a zip file; raises `DataError` where there are none."""

    def __init__(self, location: str | Path) -> None:
        self.location = Path(location).expanduser()
        self._archive: zipfile.ZipFile | None = None
        if self.location.is_dir():
            names = [path.name for path in self.location.iterdir()]
        elif zipfile.is_zipfile(self.location):
            self._archive = zipfile.ZipFile(self.location)
            names = self._archive.namelist()
        else:
            raise DataError(f"{location}: expected a directory of CIK##########.json files or companyfacts.zip")
        self._names = {int(found[1]): name for name in sorted(names) if (found := NAME.search(name))}
        if not self._names:
            raise DataError(f"{location}: no CIK##########.json in it")

    def __contains__(self, cik: int) -> bool:
        return cik in self._names

    @property
    def ciks(self) -> list[int]:
        """Every CIK that has a document, in order."""
        return sorted(self._names)

    def read(self, cik: int) -> bytes:
        """One document, unpacked; raises `DataError` where it cannot be read."""
        name = self._names[cik]
        try:
            content = self._archive.read(name) if self._archive else (self.location / name).read_bytes()
            return gzip.decompress(content) if name.endswith(".gz") else content
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError(f"{self.location}/{name}: cannot be read ({error})") from error


@dataclass
class FactsImport:
    """What became of an import: documents read, companies and rows taken, and the reasons of the rest."""

    source: str
    documents: int = 0
    companies: int = 0
    rows_read: int = 0
    rows_taken: int = 0
    left_out: list[dict[str, object]] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """As plain data, as a table of `market.sources.files.ImportReport`; `row` is the CIK of a company left out."""
        return {
            "file": self.source,
            "rows_read": self.rows_read,
            "rows_taken": self.rows_taken,
            "repeats": 0,
            "rejected": self.left_out,
            "unused_columns": [],
            "notes": [f"{self.companies} companies from {self.documents} documents"],
        }


def import_companyfacts(
    store: Store | str | Path,
    source: str | Path,
    progress: Progress | None = None,
    tickers: Mapping[int, list[str]] | None = None,
) -> FactsImport:
    """Bring a directory or zip of companyfacts into a store (made where there is none), a company at a time.

    `tickers` maps CIKs to tickers; by default `tickers_by_cik` does. Raises `DataError` where no company could
    be taken; then nothing is written.
    """
    opened = store if isinstance(store, Store) else Store.create(store)
    documents = Documents(source)
    beside = documents.location if documents.location.is_dir() else documents.location.parent
    names = tickers if tickers is not None else tickers_by_cik(opened, beside)
    report = FactsImport(str(source), documents=len(documents.ciks))
    with opened.writer() as writer:
        taken: list[str] = []
        known: dict[str, tuple[int, str]] = {}

        def parts() -> Iterator[pd.DataFrame]:
            for cik, company, frames in companies(documents, names, report, progress):
                for ticker, frame in frames:
                    known[ticker] = cik, company
                    taken.append(ticker)
                    yield frame
            if not taken:
                reasons = "; ".join(f"CIK {one['row']}: {one['reason']}" for one in report.left_out[:3])
                raise DataError(f"{source}: no company to take ({reasons})")
            for name in sorted(tickers_of(opened, "facts") - set(taken) - _renamed(known)):
                quoted = name.replace("'", "''")
                yield opened.frame("facts", where=f"ticker = '{quoted}'")

        writer.replace_in_parts("facts", parts(), SOURCE)
        _name_securities(opened, writer, known)
    return report


def _renamed(known: Mapping[str, tuple[int, str]]) -> set[str]:
    """The names by CIK of companies that have a ticker now."""
    return {called_by_cik(cik) for ticker, (cik, _) in known.items() if ticker != called_by_cik(cik)}


def _name_securities(store: Store, writer: Writer, known: Mapping[str, tuple[int, str]]) -> None:
    """Rows of the companies taken, where the store has none; a CIK where a row lacks one; no name by CIK too many."""
    fresh = pd.DataFrame(
        [(ticker, name, cik, "stock") for ticker, (cik, name) in sorted(known.items())],
        columns=["ticker", "name", "cik", "type"],
    )
    if not store.has("securities"):
        writer.replace("securities", fresh, SOURCE)
        return
    held = store.frame("securities")
    kept = held[~held["ticker"].isin(_renamed(known))]
    cik = kept["ticker"].map({ticker: cik for ticker, (cik, _) in known.items()}).astype("Int64")
    kept = kept.assign(cik=kept["cik"].fillna(cik) if "cik" in kept else cik)
    if not kept.equals(held):
        writer.replace("securities", kept, store.entry("securities").source)
    new = fresh[~fresh["ticker"].isin(kept["ticker"])]
    if len(new):
        writer.merge("securities", new, SOURCE)


def companies(
    documents: Documents,
    tickers: Mapping[int, list[str]],
    report: FactsImport,
    progress: Progress | None = None,
) -> Iterator[tuple[int, str, list[tuple[str, pd.DataFrame]]]]:
    """Each company's CIK, name and canonical facts by ticker; those left out go into `report`."""
    ciks = documents.ciks
    older = {p for cik in ciks for p in PREDECESSORS.get(cik, ())}
    for done, cik in enumerate(ciks):
        if progress is not None:
            progress("companyfacts", done, len(ciks))
        if cik in older:  # joined to its successor
            continue
        try:
            found = joined([documents.read(one) for one in filers(cik) if one in documents])
        except DataError as error:
            report.left_out.append({"row": cik, "reason": str(error)})
            continue
        report.rows_read += sum(len(facts) + sum(facts.dropped.values()) for facts in found)
        if not any(len(facts) for facts in found):
            report.left_out.append({"row": cik, "reason": f"{found[0].name or 'no name'}: {found[0].excluded}"})
            continue
        report.companies += 1
        frames = []
        for ticker in tickers.get(cik) or [called_by_cik(cik)]:
            frame = as_frame(table(found, ticker))
            report.rows_taken += len(frame)
            frames.append((ticker, frame))
        yield cik, found[0].name, frames
    if progress is not None:
        progress("companyfacts", len(ciks), len(ciks))
