"""Companyfacts to facts, against the figures the companies printed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market.errors import DataError
from market.facts import ITEMS, flag_names, kind_of
from market.sources.sec.companyfacts import parse
from market.sources.sec.history import joined
from market.sources.sec.submissions import parse as parse_submissions
from market.statements import Statements
from market.store import schema_of
from market.validation import canonical

RECORDED = Path(__file__).parent / "data" / "sec"
SESSIONS = pd.bdate_range("2010-01-04", "2026-07-30")
CIKS = {"AAPL": 320193, "GOOGL": 1652044, "MRVL": 1835632, "NVDA": 1045810}
M = 1e6


def content(cik: int) -> bytes:
    return gzip.decompress((RECORDED / f"CIK{cik:010d}.json.gz").read_bytes())


@pytest.fixture(scope="module")
def statements() -> Statements:
    frames = [parse(content(cik)).frame(ticker) for ticker, cik in CIKS.items()]
    return Statements.build(pd.concat(frames, ignore_index=True), pd.Index(sorted(CIKS)), SESSIONS)


def value(statements, ticker, session, item, basis=None, lag=0):
    view = statements.at(session)
    return view.item(item, basis, lag)[view.tickers.get_loc(ticker)]


# Figures in millions as printed in the filings named; net income and the like are after tax, USD.
PRINTED = [
    # Apple 10-K 2023 (filed 2023-11-03): consolidated statements of operations and balance sheets
    ("AAPL", "2023-11-06", "revenue", "ttm", 383_285),
    ("AAPL", "2023-11-06", "gross_profit", "ttm", 169_148),
    ("AAPL", "2023-11-06", "operating_income", "ttm", 114_301),
    ("AAPL", "2023-11-06", "net_income", "ttm", 96_995),
    ("AAPL", "2023-11-06", "research_and_development", "ttm", 29_915),
    ("AAPL", "2023-11-06", "cash_from_operations", "ttm", 110_543),
    ("AAPL", "2023-11-06", "capital_expenditure", "ttm", 10_959),
    ("AAPL", "2023-11-06", "dividends_paid", "ttm", 15_025),
    ("AAPL", "2023-11-06", "share_repurchases", "ttm", 77_550),
    ("AAPL", "2023-11-06", "assets", "latest", 352_583),
    ("AAPL", "2023-11-06", "liabilities", "latest", 290_437),
    ("AAPL", "2023-11-06", "equity", "latest", 62_146),
    ("AAPL", "2023-11-06", "long_term_debt", "latest", 95_281),
    ("AAPL", "2023-11-06", "short_term_debt", "latest", 5_985 + 9_822),  # commercial paper and term debt
    ("AAPL", "2023-11-06", "cash_and_short_term_investments", "latest", 29_965 + 31_590),
    # the same company before the 10-K: 10-K 2022 + nine months of 2023 - nine months of 2022
    ("AAPL", "2023-11-03", "revenue", "ttm", 394_328 + 293_787 - 304_182),
    ("AAPL", "2024-02-05", "revenue", "ttm", 383_285 + 119_575 - 117_154),
    ("AAPL", "2024-02-05", "revenue", "quarter", 119_575),
    ("AAPL", "2023-11-06", "revenue", "quarter", 383_285 - 293_787),  # the fourth, printed nowhere
    # NVIDIA 10-K of January 2024 (filed 2024-02-21)
    ("NVDA", "2024-02-22", "revenue", "ttm", 60_922),
    ("NVDA", "2024-02-22", "operating_income", "ttm", 32_972),
    ("NVDA", "2024-02-22", "net_income", "ttm", 29_760),
    ("NVDA", "2024-02-22", "cash_from_operations", "ttm", 28_090),
    # Alphabet 10-K 2022 (filed 2023-02-03): costs, no gross profit
    ("GOOGL", "2023-02-06", "revenue", "ttm", 282_836),
    ("GOOGL", "2023-02-06", "gross_profit", "ttm", 282_836 - 126_203),
    ("GOOGL", "2023-02-06", "net_income", "ttm", 59_972),
    ("GOOGL", "2023-02-06", "assets", "latest", 365_264),
    # Marvell 10-K of January 2023 (filed 2023-03-09)
    ("MRVL", "2023-03-10", "revenue", "ttm", 5_919.6),
    ("MRVL", "2023-03-10", "net_income", "ttm", -163.5),
    ("MRVL", "2023-03-10", "cash_from_operations", "ttm", 1_288.8),
    # its balance sheet has one line of short-term debt, under two tags
    ("MRVL", "2023-03-10", "short_term_debt", "latest", 584.4),
    # its cash-flow statements have two lines: depreciation and amortization, and that of acquired intangible assets
    ("MRVL", "2024-03-14", "depreciation_amortization", "ttm", 299.8 + 1_097.9),
    ("MRVL", "2024-06-03", "depreciation_amortization", "ttm", 299.8 + 1_097.9 + 72.6 + 264.9 - 78.4 - 270.0),
    ("NVDA", "2025-02-27", "share_issuance", "ttm", 490),  # employee stock plans
]


@pytest.mark.parametrize(("ticker", "session", "item", "basis", "millions"), PRINTED)
def test_figures_as_printed(statements, ticker, session, item, basis, millions):
    assert value(statements, ticker, session, item, basis) == pytest.approx(millions * M, rel=1e-9)


def test_share_counts_are_of_the_filing_and_restated_by_later_ones(statements):
    """NVIDIA's diluted shares of the year to January 2024: 2,494 m; ten times that after the split of June 2024."""
    before = value(statements, "NVDA", "2024-02-22", "shares_diluted", "year")
    assert before == pytest.approx(2_494 * M)
    after = value(statements, "NVDA", "2025-02-27", "shares_diluted", "year", 1)
    assert after == pytest.approx(24_940 * M)
    view = statements.at("2025-02-27")
    bits = int(view.flags("shares_diluted", "year", 1)[view.tickers.get_loc("NVDA")])
    assert "restated" in flag_names(bits)
    cover = value(statements, "AAPL", "2023-11-06", "shares_outstanding", "latest")
    assert cover == 15_552_752_000  # cover page, as of 2023-10-20


def test_share_counts_in_thousands_are_unknown():
    """NVIDIA's filings until 2011: 613,474 diluted shares beside 600,288,389 on the cover. Later ones restate them."""
    facts = parse(content(CIKS["NVDA"]))
    assert facts.dropped["scale"] > 10
    view = Statements.build(facts.frame("NVDA"), pd.Index(["NVDA"]), SESSIONS)
    assert np.isnan(view.at("2011-06-01").item("shares_diluted", "quarter")[0])
    assert view.at("2011-06-01").item("shares_outstanding")[0] == 600_288_389
    assert view.at("2012-04-02").item("shares_diluted", "year", 1)[0] == 588_684e3  # of the year to January 2011
    assert min(view.at(day).item("shares_diluted")[0] for day in ("2012-04-02", "2013-06-03", "2020-06-01")) > 5e8


def test_a_share_count_stands_on_the_split_basis_of_its_filing(statements):
    """Alphabet split twenty to one on 2022-07-18; the 10-Q of 2022-07-27 restates the count of 30 June for it."""
    view = statements.at("2022-08-01")
    at = view.tickers.get_loc("GOOGL")
    assert view.item("shares_outstanding")[at] == pytest.approx(13_078e6, rel=0.01)
    assert view.period_end("shares_outstanding")[at] == np.datetime64("2022-06-30")
    assert view.counted_on("shares_outstanding")[at] == np.datetime64("2022-07-27")
    before = statements.at("2022-07-20")
    assert before.item("shares_outstanding")[at] == pytest.approx(13_078e6 / 20, rel=0.02)
    assert before.counted_on("shares_outstanding")[at] < np.datetime64("2022-07-18")


def test_trailing_months_across_the_change_of_cik():
    """Marvell's new CIK begins in June 2021 with first-quarter figures: no year before it, so no twelve months until
    the 10-K of March 2022. With the old filer's year (as that 10-K repeats it) there are twelve months at once."""
    alone = Statements.build(parse(content(1835632)).frame("MRVL"), pd.Index(["MRVL"]), SESSIONS)
    assert np.isnan(alone.at("2021-06-30").item("revenue")[0])
    assert alone.at("2022-03-11").item("revenue")[0] == pytest.approx(4_462.4 * M, rel=1e-4)
    old = {
        "cik": 1058057,
        "entityName": "MARVELL TECHNOLOGY GROUP LTD",
        "facts": {"us-gaap": {"Revenues": {"units": {"USD": [
            {"start": "2020-02-02", "end": "2021-01-30", "val": 2_968_900_000, "accn": "0001058057-21-000012",
             "form": "10-K", "filed": "2021-03-12"},
            {"start": "2021-01-31", "end": "2021-05-01", "val": 1, "accn": "0001058057-21-000099", "form": "10-Q",
             "filed": "2021-06-09"},
        ]}}}},
    }  # fmt: skip
    filers = joined([content(1835632), json.dumps(old).encode()])
    frame = pd.concat([one.frame("MRVL") for one in filers], ignore_index=True)
    both = Statements.build(frame, pd.Index(["MRVL"]), SESSIONS)
    assert both.at("2021-06-10").item("revenue")[0] == pytest.approx((2_968.9 + 832.3 - 693.6) * M, rel=1e-4)
    assert both.at("2021-06-10").item("revenue", "quarter")[0] == pytest.approx(
        832.3 * M, rel=1e-4
    )  # not the old filer's 1
    assert set(frame["cik"]) == {1835632, 1058057}


def test_a_foreign_filer_is_excluded_with_the_reason():
    facts = parse(content(1997711))
    assert len(facts) == 0
    assert "foreign private issuer" in facts.excluded
    assert "20-F" in facts.excluded


def test_rows_pass_the_stores_checks_and_keep_every_version():
    facts = parse(content(320193))
    frame = facts.frame("AAPL")
    clean = canonical(frame, schema_of("facts"))
    pd.testing.assert_frame_equal(
        clean[sorted(clean)].sort_values(["item", "period_end", "accession", "value"], ignore_index=True),
        frame[sorted(clean)].sort_values(["item", "period_end", "accession", "value"], ignore_index=True),
    )
    year = frame[
        (frame["item"] == "revenue") & (frame["period_end"] == "2023-09-30") & (frame["period_start"] == "2022-09-25")
    ]
    assert len(year) == 3  # the 10-Ks of 2023, 2024 and 2025
    assert year["accession"].is_unique
    assert set(year["value"]) == {383_285e6}


def test_acceptance_time_moves_known_at():
    """Marvell files minutes after the close: the next session. A filing accepted before 16:00 counts that day."""
    accepted = parse_submissions(
        gzip.decompress((RECORDED / "submissions_CIK0001835632.json.gz").read_bytes())
    ).accepted()
    assert accepted["0001835632-23-000013"] == pd.Timestamp("2023-03-09 16:03:34")  # 21:03:34 UTC
    late = parse(content(1835632), accepted).frame("MRVL")
    row = late[(late["accession"] == "0001835632-23-000013") & (late["item"] == "assets")].iloc[0]
    assert row["known_at"] == pd.Timestamp("2023-03-10")
    early = parse(content(1835632), {"0001835632-23-000013": pd.Timestamp("2023-03-09 15:59:59")}).frame("MRVL")
    statements = Statements.build(early, pd.Index(["MRVL"]), SESSIONS)
    assert statements.at("2023-03-09").period_end("assets")[0] == np.datetime64("2023-01-28")


def document(**tags):
    """A companyfacts document of tag -> [(start, end, value, accession, form, filed)]."""
    body = {}
    for tag, rows in tags.items():
        unit = "shares" if "Shares" in tag else "USD"
        body[tag] = {"units": {unit: [
            {"end": end, "val": v, "accn": accn, "form": form, "filed": filed} | ({"start": start} if start else {})
            for start, end, v, accn, form, filed in rows
        ]}}  # fmt: skip
    return json.dumps({"cik": 1, "entityName": "X", "facts": {"us-gaap": body}}).encode()


def latest(raw, session, item, basis=None):
    statements = Statements.build(parse(raw).frame("X"), pd.Index(["X"]), SESSIONS)
    return statements.at(session).item(item, basis)[0]


YEAR_18 = ("2018-01-01", "2018-12-31")
YEAR_22 = ("2022-01-01", "2022-12-31")


def test_a_dead_tag_gives_way_to_the_live_one():
    """Tesla's case: contract revenue stops in 2018 while `Revenues` goes on."""
    raw = document(
        RevenueFromContractWithCustomerExcludingAssessedTax=[(*YEAR_18, 18, "a", "10-K", "2019-02-20")],
        Revenues=[(*YEAR_18, 21, "a", "10-K", "2019-02-20"), (*YEAR_22, 81, "b", "10-K", "2023-02-20")],
    )
    assert latest(raw, "2019-03-01", "revenue") == 21  # the larger: contract revenue is a subset
    assert latest(raw, "2023-03-01", "revenue") == 81


def test_a_later_filing_with_fewer_lines_does_not_replace_the_better_version():
    """Next year's cash-flow statement repeats last year's cash, without the short-term investments beside it."""
    raw = document(
        CashAndCashEquivalentsAtCarryingValue=[
            (None, "2021-12-31", 10, "a", "10-K", "2022-02-20"), (None, "2021-12-31", 10, "b", "10-K", "2023-02-20"),
            (None, "2022-12-31", 12, "b", "10-K", "2023-02-20"),
        ],
        ShortTermInvestments=[
            (None, "2021-12-31", 5, "a", "10-K", "2022-02-20"), (None, "2022-12-31", 6, "b", "10-K", "2023-02-20"),
        ],
    )  # fmt: skip
    statements = Statements.build(parse(raw).frame("X"), pd.Index(["X"]), SESSIONS)
    view = statements.at("2023-03-01")
    assert view.item("cash_and_short_term_investments")[0] == 18
    assert view.item("cash_and_short_term_investments", "latest", 4)[0] == 15


def test_liabilities_and_equity_by_their_definitions():
    day, rest = "2022-12-31", ("a", "10-K", "2023-02-20")
    raw = document(
        LiabilitiesAndStockholdersEquity=[(None, day, 100, *rest)],
        StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest=[(None, day, 40, *rest)],
        MinorityInterest=[(None, day, 3, *rest)],
        TemporaryEquityCarryingAmountAttributableToParent=[(None, day, 5, *rest)],
    )
    assert latest(raw, "2023-03-01", "liabilities") == 55  # never the balance-sheet total
    assert latest(raw, "2023-03-01", "equity") == 37
    assert latest(raw, "2023-03-01", "assets") == 100


def test_debt_is_not_counted_twice():
    day, rest = "2022-12-31", ("a", "10-K", "2023-02-20")
    total_only = document(LongTermDebt=[(None, day, 100, *rest)], LongTermDebtCurrent=[(None, day, 30, *rest)])
    assert latest(total_only, "2023-03-01", "long_term_debt") == 70
    assert latest(total_only, "2023-03-01", "short_term_debt") == 30
    split = document(
        LongTermDebtNoncurrent=[(None, day, 70, *rest)], LongTermDebt=[(None, day, 100, *rest)],
        DebtCurrent=[(None, day, 45, *rest)], LongTermDebtCurrent=[(None, day, 30, *rest)],
        CommercialPaper=[(None, day, 15, *rest)],
    )  # fmt: skip
    assert latest(split, "2023-03-01", "long_term_debt") == 70
    assert latest(split, "2023-03-01", "short_term_debt") == 45
    no_debt = document(Assets=[(None, day, 100, *rest)])
    assert np.isnan(latest(no_debt, "2023-03-01", "long_term_debt"))  # missing is missing


def test_one_line_of_short_term_debt_under_two_tags_is_one_debt():
    """A balance sheet's "current portion of long-term debt" tagged as a borrowing too; two lines stay two."""
    day, rest = "2022-12-31", ("a", "10-K", "2023-02-20")
    one = document(ShortTermBorrowings=[(None, day, 30, *rest)], LongTermDebtCurrent=[(None, day, 30, *rest)])
    assert latest(one, "2023-03-01", "short_term_debt") == 30
    two = document(ShortTermBorrowings=[(None, day, 30, *rest)], LongTermDebtCurrent=[(None, day, 31, *rest)])
    assert latest(two, "2023-03-01", "short_term_debt") == 61


def test_a_total_below_one_of_its_parts_is_none():
    """Amortization above what is called depreciation and amortization stands on a line of its own."""
    rest = ("a", "10-K", "2023-02-20")
    inside = document(
        DepreciationAndAmortization=[(*YEAR_22, 40, *rest)], AmortizationOfIntangibleAssets=[(*YEAR_22, 40, *rest)]
    )
    assert latest(inside, "2023-03-01", "depreciation_amortization") == 40
    beside = document(
        DepreciationAndAmortization=[(*YEAR_22, 40, *rest)], AmortizationOfIntangibleAssets=[(*YEAR_22, 41, *rest)]
    )
    assert latest(beside, "2023-03-01", "depreciation_amortization") == 81


def test_operating_income_from_pretax_and_interest_is_flagged():
    rest = ("a", "10-K", "2023-02-20")
    pretax = "IncomeLossFromContinuingOperationsBeforeIncomeTaxesExtraordinaryItemsNoncontrollingInterest"
    raw = document(**{pretax: [(*YEAR_22, 80, *rest)], "InterestExpense": [(*YEAR_22, -20, *rest)]})
    frame = parse(raw).frame("X").set_index("item")
    assert frame.loc["interest_expense", "value"] == 20
    assert "suspect_sign" in frame.loc["interest_expense", "flags"]
    assert frame.loc["operating_income", "value"] == 100
    assert "tag_fallback" in frame.loc["operating_income", "flags"]
    assert "derived_from_parts" in frame.loc["operating_income", "flags"]


def test_what_is_dropped():
    raw = json.loads(document(Assets=[(None, "2022-12-31", None, "a", "10-K", "2023-02-20")]))
    raw["facts"]["us-gaap"]["Assets"]["units"]["USD"] += [
        {"end": "2023-12-31", "val": 5, "accn": "b", "form": "10-K", "filed": "2023-02-20"},  # filed before it ended
        {"end": "2022-12-31", "val": 5, "accn": "c", "form": "424B2", "filed": "2023-02-20"},
    ]
    raw["facts"]["us-gaap"]["Assets"]["units"]["EUR"] = [
        {"end": "2022-12-31", "val": 5, "accn": "d", "form": "10-K", "filed": "2023-02-20"}
    ]
    facts = parse(json.dumps(raw).encode())
    assert dict(facts.dropped) == {"form": 1, "unit": 1, "value": 1, "period": 1, "scale": 0}
    assert facts.excluded == "reports in EUR"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"cik": 1}', b'{"cik": "x", "facts": {}}', b"<html></html>"])
def test_other_content_is_a_data_error(raw):
    with pytest.raises(DataError, match="not a companyfacts document"):
        parse(raw)


def test_a_broken_date_is_a_data_error():
    with pytest.raises(DataError, match="is no date"):
        parse(document(Assets=[(None, "2022-13-31", 1, "a", "10-K", "2023-02-20")]))


@pytest.mark.parametrize(("ticker", "day"), [("AAPL", "2013-05-01"), ("NVDA", "2021-06-15"), ("MRVL", "2023-10-02"),
                                             ("GOOGL", "2019-08-15")])  # fmt: skip
def test_filings_after_a_day_never_change_what_was_known_on_it(ticker, day):
    """The document itself is cut, and continued with filings of nonsense under every tag that items read."""
    whole = json.loads(content(CIKS[ticker]))
    cut, nonsense = json.loads(json.dumps(whole)), json.loads(json.dumps(whole))
    later = (pd.Timestamp(day) + pd.Timedelta(days=1)).date().isoformat()
    for taxonomy, tags in whole["facts"].items():
        for tag, body in tags.items():
            for unit, rows in body["units"].items():
                cut["facts"][taxonomy][tag]["units"][unit] = [row for row in rows if row["filed"] <= day]
                nonsense["facts"][taxonomy][tag]["units"][unit] += [
                    {**row, "val": -7 * row["val"] + 13, "accn": f"9{row['accn'][1:]}", "filed": later,
                     "form": "10-K/A"}
                    for row in rows if row["filed"] <= day
                ]  # fmt: skip
    for taxonomy, tag in (("us-gaap", "DebtCurrent"), ("us-gaap", "DepreciationAmortizationAndAccretionNet")):
        rows = next(iter(whole["facts"]["us-gaap"]["Assets"]["units"].values()))
        nonsense["facts"][taxonomy].setdefault(tag, {"units": {"USD": []}})["units"]["USD"] += [
            {**row, "val": 1, "accn": "9-9", "filed": later} for row in rows if row["filed"] <= day
        ]
    views = [
        Statements.build(parse(json.dumps(one).encode()).frame(ticker), pd.Index([ticker]), SESSIONS).at(day)
        for one in (cut, whole, nonsense)
    ]
    asked = 0
    for item in ITEMS:
        bases = {"flow": ("ttm", "quarter", "year"), "instant": ("latest",), "average": ("quarter", "year")}
        for basis in bases[kind_of(item)]:
            for lag in (0, 1, 4) if basis != "year" else (0, 1):
                values = [view.item(item, basis, lag)[0] for view in views]
                np.testing.assert_array_equal(values[1:], values[:1] * 2, err_msg=f"{item} {basis} {lag}")
                assert len({int(view.flags(item, basis, lag)[0]) for view in views}) == 1
                asked += np.isfinite(values[0])
    assert asked > 60
