"""One company's facts across all the filers it has been.

1. Parse each filer's companyfacts, newest filer first.
2. Keep an older filer's rows filed before the newer one's first periodic report.
3. One set of rows then goes under every ticker of the company (GOOG and GOOGL): one issuer, several lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import pyarrow as pa

from market.sources.sec.companyfacts import CompanyFacts, parse
from market.sources.sec.submissions import PERIODIC_FORMS


def joined(documents: Sequence[bytes], accepted: Mapping[str, pd.Timestamp] | None = None) -> list[CompanyFacts]:
    """The filers of one company, newest first, each cut where its successor begins. Raises `DataError` on a bad one."""
    result: list[CompanyFacts] = []
    limit: int | None = None
    for content in documents:
        facts = parse(content, accepted)
        if limit is not None:
            facts = before(facts, limit)
        result.append(facts)
        periodic = [filing.filed for filing in facts.filings if filing.form.startswith(PERIODIC_FORMS)]
        limit = min([day for day in (limit, min(periodic, default=None)) if day is not None], default=None)
    return result


def before(facts: CompanyFacts, day: int) -> CompanyFacts:
    """The same filer without what it filed on `day` (days since 1970) or later."""
    early = {i for i, filing in enumerate(facts.filings) if filing.filed < day}
    return replace(facts, rows=tuple(row for row in facts.rows if row[3] in early))


def table(filers: Sequence[CompanyFacts], ticker: str) -> pa.Table:
    """All filers' rows under one ticker."""
    return pa.concat_tables([facts.table(ticker) for facts in filers if len(facts)] or [filers[0].table(ticker)])
