"""Trailing years and quarters worked out again from the raw documents, in plain Python and without the product's rules.

For every 10-K and 10-Q of four companies, five days after it was filed: a 10-K's year is the twelve months; a 10-Q's
twelve months are the last year known, plus its year to date, less that of a year before as the same filing gives it;
a quarter is the three-month figure of the filing, or its year to date less what was known of it a quarter earlier.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.sources.sec.companyfacts import parse
from market.statements import Statements

RECORDED = Path(__file__).parent / "data" / "sec"
SESSIONS = pd.bdate_range("2009-01-02", "2026-07-30")
FLOWS = {
    "net_income": "NetIncomeLoss",
    "operating_income": "OperatingIncomeLoss",
    "income_tax": "IncomeTaxExpenseBenefit",
    "cash_from_operations": "NetCashProvidedByUsedInOperatingActivities",
    "stock_based_compensation": "ShareBasedCompensation",
    "research_and_development": "ResearchAndDevelopmentExpense",
}
BALANCES = {
    "assets": "Assets",
    "liabilities": "Liabilities",
    "equity": "StockholdersEquity",
    "current_assets": "AssetsCurrent",
    "receivables": "AccountsReceivableNetCurrent",
}
COMPANIES = {320193: 500, 1045810: 500, 1652044: 300, 1835632: 150}  # and how many figures must have been compared


class Filer:
    """The figures of a document by filing and tag: {(start, end): value}, and the days of its filings."""

    def __init__(self, content):
        self.said, self.filed, self.form = defaultdict(lambda: defaultdict(dict)), {}, {}
        for tag, body in json.loads(content)["facts"]["us-gaap"].items():
            for row in body["units"].get("USD", []):
                start = date.fromisoformat(row["start"]) if "start" in row else None
                self.said[row["accn"]][tag][start, date.fromisoformat(row["end"])] = row["val"]
                self.filed[row["accn"]], self.form[row["accn"]] = row["filed"], row["form"]

    def known(self, tag, until):
        """(start, end): value as last said by a filing up to a day."""
        held = {}
        for accession in sorted(self.filed, key=lambda one: (self.filed[one], one)):
            if self.filed[accession] <= until:
                held |= self.said[accession][tag]
        return held

    def twelve_months(self, accession, tag, end):
        here = self.said[accession][tag]
        if self.form[accession].startswith("10-K"):
            return next((v for (s, e), v in here.items() if s and e == end and 350 <= (e - s).days + 1 <= 380), None)
        starts = [s for s, e in here if s and e == end and (e - s).days < 290]
        if not starts:
            return None
        start = min(starts)
        prior = [v for (s, e), v in here.items() if s and abs((end - e).days - 364) <= 10
                 and abs((e - s).days - (end - start).days) <= 10]  # fmt: skip
        years = [v for (s, e), v in self.known(tag, self.filed[accession]).items()
                 if s and 350 <= (e - s).days + 1 <= 380 and abs((start - e).days - 1) <= 3]  # fmt: skip
        return years[-1] + here[start, end] - prior[-1] if prior and years else None

    def quarter(self, accession, tag, end):
        here = self.said[accession][tag]
        stated = [v for (s, e), v in here.items() if s and e == end and 80 <= (e - s).days + 1 <= 100]
        if stated:
            return stated[0]
        whole = {s: v for (s, e), v in here.items() if s and e == end}
        before = [(e, v) for (s, e), v in self.known(tag, self.filed[accession]).items()
                  if whole and s == min(whole) and 80 <= (end - e).days <= 100]  # fmt: skip
        return whole[min(whole)] - max(before)[1] if before else None


@pytest.mark.parametrize("cik", COMPANIES)
def test_figures_worked_out_again(cik):
    content = gzip.decompress((RECORDED / f"CIK{cik:010d}.json.gz").read_bytes())
    filer = Filer(content)
    statements = Statements.build(parse(content).frame("X"), pd.Index(["X"]), SESSIONS)
    compared = 0
    for accession, form in filer.form.items():
        ends = [e for _, e in filer.said[accession]["NetIncomeLoss"]]
        if form not in ("10-K", "10-Q") or not ends:
            continue
        view, end = statements.at(pd.Timestamp(filer.filed[accession]) + pd.Timedelta(days=5)), max(ends)
        for item, tag in FLOWS.items():
            for basis, want in (
                ("ttm", filer.twelve_months(accession, tag, end)),
                ("quarter", filer.quarter(accession, tag, end)),
            ):
                if want is not None:
                    where = f"{item} {basis} of {end}, {form} filed {filer.filed[accession]}"
                    np.testing.assert_allclose(view.item(item, basis)[0], want, rtol=1e-12, err_msg=where)
                    compared += 1
        for item, tag in BALANCES.items():
            want = filer.said[accession][tag].get((None, end))
            if want is not None:
                where = f"{item} of {end}, {form} filed {filer.filed[accession]}"
                np.testing.assert_allclose(view.item(item)[0], want, rtol=1e-12, err_msg=where)
                compared += 1
    assert compared > COMPANIES[cik]
