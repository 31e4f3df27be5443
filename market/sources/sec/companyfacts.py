"""One companyfacts document becomes rows of the facts table.

1. Read the document in two passes: its shape first, then only the tags that some item uses (a fifth of the text).
2. Drop facts without a value, of another unit (money USD, counts shares), of foreign or proxy forms, with a period that
   ends before it starts or after it was filed, and flows of other lengths than 75-380 days.
3. Gather by (accession, start, end): what one filing said of one period. `fy`, `fp` and `frame` describe the filing or
   the latest version, never the fact, and are not read.
   A weighted share count below a hundredth of the cover page's is in thousands (NVIDIA's until 2011), and is dropped.
4. Make the items, and keep the versions that count (`normalise`).
5. `known_at` is the acceptance time where the submissions give one (New York time), else empty: `filed` decides.

Foreign private issuers (20-F, 40-F, 6-K only) and filers in another currency are excluded, with the reason.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa

from market.errors import DataError
from market.facts import ITEMS, flag_names
from market.sources.sec.normalise import INSTANT, Filing, Reports, Row, normalise
from market.tags import UNIT_OF, alternatives, tags_of

FOREIGN_FORMS = ("20-F", "40-F", "6-K")
OTHER_FORMS = ("DEF", "424B", "FWP", "SD", "11-K")  # no financial statements of the filer
SHORTEST_DAYS, LONGEST_DAYS = 75, 380
_EPOCH = date(1970, 1, 1).toordinal()
_NO_TIME = -(1 << 62)
CLOSE_SECOND = 16 * 3600


class _Fact(msgspec.Struct, gc=False):
    end: str
    val: float | None
    accn: str
    form: str
    filed: str
    start: str | None = None


class _Units(msgspec.Struct):
    units: msgspec.Raw


class _Document(msgspec.Struct):
    cik: int | str
    facts: dict[str, dict[str, _Units]]
    entityName: str | None = None


_document = msgspec.json.Decoder(_Document)
_units = msgspec.json.Decoder(dict[str, list[_Fact]])


@dataclass(frozen=True)
class CompanyFacts:
    """The rows of one filer, without a ticker, and what was left out. `excluded` says why there are none, if so."""

    cik: int
    name: str
    filings: tuple[Filing, ...]
    rows: tuple[Row, ...]
    excluded: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def table(self, ticker: str) -> pa.Table:
        """Rows of the facts table under a ticker, sorted by item, period and filing."""
        n = len(self.rows)
        matrix = np.array(self.rows, dtype=np.float64).reshape(n, 6)  # exact: all integers are below 2**53
        item, start, end, filing, flags = (matrix[:, k].astype(np.int64) for k in (0, 1, 2, 3, 5))
        order = np.lexsort((filing, start, end, item))
        item, start, end, filing, flags = item[order], start[order], end[order], filing[order], flags[order]
        filed = np.array([f.filed for f in self.filings], dtype=np.int64)[filing]
        accepted = np.array([_NO_TIME if f.accepted is None else f.accepted for f in self.filings])[filing]
        known_at = np.where(accepted == _NO_TIME, 0, accepted // 86_400 + (accepted % 86_400 >= CLOSE_SECOND))
        bits, code = np.unique(flags, return_inverse=True)
        words = [",".join(flag_names(int(b))) or None for b in bits]
        units = [UNIT_OF.get(name, "USD") for name in ITEMS]
        return pa.table(
            {
                "ticker": _texts([ticker], np.zeros(n, dtype=np.int64)),
                "item": _texts(ITEMS, item),
                "period_end": _dates(end),
                "value": pa.array(matrix[order, 4]),
                "period_start": _dates(start, start == INSTANT),
                "filed": _dates(filed),
                "known_at": _dates(known_at, accepted == _NO_TIME),
                "form": _texts([f.form for f in self.filings], filing),
                "accession": _texts([f.accession for f in self.filings], filing),
                "cik": pa.array(np.full(n, self.cik, dtype=np.int64)),
                "unit": _texts(units, item),
                "flags": _texts(words, code),
            }
        )

    def frame(self, ticker: str) -> pd.DataFrame:
        """As `table`, as a DataFrame in the store's types."""
        return as_frame(self.table(ticker))


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Rows of the facts table as the store's canonical frame: they pass its checks by construction."""
    frame = table.to_pandas(date_as_object=False)
    for name in ("period_end", "period_start", "filed", "known_at"):
        frame[name] = frame[name].astype("datetime64[ns]")
    kinds: dict[Hashable, str] = dict.fromkeys(("ticker", "item", "form", "accession", "unit", "flags"), "str")
    return frame.astype(kinds | {"cik": "Int64"})


def _texts(words: Sequence[str | None], codes: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(words, pa.string())
    ).dictionary_decode()


def _dates(days: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(days.astype("datetime64[D]"), mask=missing)


def parse(content: bytes, accepted: Mapping[str, pd.Timestamp] | None = None) -> CompanyFacts:
    """Read one `CIK##########.json`; `accepted` maps accessions to New York acceptance times.

    Raises `DataError` where the content is no such document.
    """
    try:
        document = _document.decode(content)
        cik = int(document.cik)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise DataError(f"not a companyfacts document: {error}") from error
    name = document.entityName or ""
    try:
        reports, filed, dropped, currencies = _gather(document)
        filings = _in_order(filed, accepted or {})
        rows = normalise(reports, filings)
        excluded = "" if rows else _reason(document, dropped, currencies)
    except msgspec.DecodeError as error:
        raise DataError(f"companyfacts of CIK {cik}: {error}") from error
    return CompanyFacts(cik, name, filings, rows, excluded, dropped)


def _gather(document: _Document) -> tuple[Reports, dict[str, tuple[str, int]], dict[str, int], dict[str, int]]:
    """Reports, (form, filed) by accession, facts dropped by reason, facts by other unit."""
    reports: Reports = {}
    filings: dict[str, tuple[str, int]] = {}
    dropped = dict.fromkeys(("form", "unit", "value", "period", "scale"), 0)
    currencies: dict[str, int] = {}
    days: dict[str, int] = {}
    usable: dict[str, bool] = {}
    for taxonomy in ("us-gaap", "dei"):
        prefix = "" if taxonomy == "us-gaap" else f"{taxonomy}:"
        wanted = tags_of(taxonomy)
        for tag, body in document.facts.get(taxonomy, {}).items():
            if tag not in wanted:
                continue
            name = prefix + tag
            unit = "shares" if name in _SHARE_TAGS else "USD"
            by_unit = _units.decode(body.units)
            for other, facts in by_unit.items():
                if other != unit:
                    dropped["unit"] += len(facts)
                    currencies[other] = currencies.get(other, 0) + len(facts)
            for fact in by_unit.get(unit, ()):
                form = fact.form
                good = usable.get(form)
                if good is None:
                    good = usable[form] = not form.startswith(FOREIGN_FORMS + OTHER_FORMS)
                if not good:
                    dropped["form"] += 1
                    continue
                if fact.val is None:
                    dropped["value"] += 1
                    continue
                end = days.get(fact.end) or _day(fact.end, days)
                filed = days.get(fact.filed) or _day(fact.filed, days)
                if fact.start is None:
                    start = INSTANT
                    bad = filed < end
                else:
                    start = days.get(fact.start) or _day(fact.start, days)
                    bad = filed < end or not SHORTEST_DAYS <= end - start + 1 <= LONGEST_DAYS
                if bad:
                    dropped["period"] += 1
                    continue
                accession = fact.accn
                key = (accession, start, end)
                report = reports.get(key)
                if report is None:
                    report = reports[key] = {}
                    filings[accession] = (form, filed)
                report[name] = fact.val
    dropped["scale"] = _drop_thousands(reports)
    return reports, filings, dropped, currencies


def _drop_thousands(reports: Reports) -> int:
    """Take weighted share counts out that their filing gives in thousands; how many there were."""
    cover = {key[0]: report[_COVER] for key, report in reports.items() if _COVER in report}
    count = 0
    for key, report in reports.items():
        if key[1] == INSTANT or key[0] not in cover:
            continue
        for tag in _WEIGHTED & report.keys():
            if report[tag] < cover[key[0]] / 100:
                del report[tag]
                count += 1
    return count


_SHARE_TAGS = frozenset(
    name for item in UNIT_OF for option in alternatives()[item] for part in option.parts for name in part.names
)
_COVER = "dei:EntityCommonStockSharesOutstanding"
_WEIGHTED = frozenset(
    name for option in alternatives()["shares_diluted"] for part in option.parts for name in part.names
)


def _day(text: str, days: dict[str, int]) -> int:
    try:
        number = date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError as error:
        raise DataError(f"not a companyfacts document: {text!r} is no date") from error
    days[text] = number
    return number


def _in_order(filed: Mapping[str, tuple[str, int]], accepted: Mapping[str, pd.Timestamp]) -> tuple[Filing, ...]:
    """Filings in the order in which they became known; without an acceptance time, at the end of the day filed."""
    filings = []
    for accession, (form, day) in filed.items():
        time = accepted.get(accession)
        second = None if time is None or pd.isna(time) else int(np.datetime64(time, "s").astype(np.int64))
        filings.append(Filing(accession, form, day, second))
    end_of_day = 86_400
    return tuple(
        sorted(
            filings, key=lambda f: (f.filed * 86_400 + end_of_day if f.accepted is None else f.accepted, f.accession)
        )
    )


def _reason(document: _Document, dropped: Mapping[str, int], currencies: Mapping[str, int]) -> str:
    forms: set[str] = set()
    for bodies in document.facts.values():
        for body in list(bodies.values())[:5]:
            forms.update(fact.form for facts in _units.decode(body.units).values() for fact in facts)
    if forms and all(form.startswith(FOREIGN_FORMS) for form in forms):
        return f"foreign private issuer: files {', '.join(sorted(forms))}"
    if "us-gaap" not in document.facts:
        return f"no us-gaap facts: {', '.join(sorted(document.facts)) or 'nothing'}"
    if currencies and dropped["unit"]:
        return f"reports in {max(currencies, key=lambda unit: currencies[unit])}"
    return "no usable facts"
