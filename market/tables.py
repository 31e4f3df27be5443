"""The tables a store holds: names, kinds and checks of their columns. Data, with no behaviour beyond look-up.

1. A `Table` lists its columns in their order; a column has one of four kinds (`date`, `text`, `number`, `integer`).
2. `required` columns must be there and filled on every row; all others may be absent or empty.
3. `key` names the row: two rows with one key contradict or repeat each other.
4. `dated_by` is the column that a coverage summary reads; `known_by` the one that a cut at a session compares.

`symbols` is the dated symbol map: `ticker` is the permanent name in the store of what traded as `symbol` from `start`
to `end` (FB until 2022-06-08 is META). Rates, fees and returns are decimals a year or a session; money is in USD;
volumes and splits are as traded; `short_percent_of_float` is in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["date", "text", "number", "integer"]

SCHEMA_VERSION = 1
"""Raised when a column changes its meaning; a store with a newer version is refused."""

FLOWS = (
    "revenue",
    "cost_of_revenue",
    "gross_profit",
    "research_and_development",
    "selling_general_administrative",
    "operating_income",
    "depreciation_amortization",
    "interest_expense",
    "pretax_income",
    "income_tax",
    "net_income",
    "stock_based_compensation",
    "cash_from_operations",
    "capital_expenditure",
    "dividends_paid",
    "share_repurchases",
    "share_issuance",
    "debt_issuance",
    "debt_repayment",
)
INSTANTS = (
    "assets",
    "current_assets",
    "cash_and_short_term_investments",
    "receivables",
    "inventory",
    "liabilities",
    "current_liabilities",
    "payables",
    "short_term_debt",
    "long_term_debt",
    "operating_leases",
    "retained_earnings",
    "equity",
    "minority_interest",
    "preferred_equity",
    "shares_outstanding",
    "property_plant_equipment",
    "deferred_revenue",
    "debt_due_12m",  # from the maturity table of the notes, so once a year
    "debt_due_36m",
)
AVERAGES = ("shares_diluted",)  # over a period, so it has a period_start as flows do, but is never summed
ITEMS: frozenset[str] = frozenset(FLOWS + INSTANTS + AVERAGES)


@dataclass(frozen=True)
class Column:
    """One column. `low` and `high` are inclusive bounds of a number; `above` is an exclusive lower bound."""

    name: str
    kind: Kind
    required: bool = False
    low: float | None = None
    high: float | None = None
    above: float | None = None
    among: frozenset[str] | None = None


@dataclass(frozen=True)
class Table:
    """The schema of one table."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    dated_by: str | None = None
    known_by: str | None = None
    any_of: tuple[str, ...] = ()  # at least one of these columns must be filled on a row
    ordered: tuple[tuple[str, str], ...] = ()  # (earlier, later): both filled means earlier <= later

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _date(name: str, required: bool = False) -> Column:
    return Column(name, "date", required)


def _text(name: str, required: bool = False, among: frozenset[str] | None = None) -> Column:
    return Column(name, "text", required, among=among)


def _number(
    name: str,
    required: bool = False,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> Column:
    return Column(name, "number", required, low, high, above)


_TABLES = (
    Table(
        "prices",
        (
            _date("date", True),
            _text("ticker", True),
            _number("close", above=0.0),
            _number("open", above=0.0),
            _number("high", above=0.0),
            _number("low", above=0.0),
            _number("volume", low=0.0),
            _number("dividend", low=0.0),
            _number("split", above=0.0),
            _number("adj_close", above=0.0),
        ),
        key=("ticker", "date"),
        dated_by="date",
        known_by="date",
        any_of=("close", "adj_close"),
    ),
    Table(
        "facts",
        (
            _text("ticker", True),
            _text("item", True, ITEMS),
            _date("period_end", True),
            _number("value", True),
            _date("period_start"),
            _date("filed"),
            _date("known_at"),
            _text("form"),
            _text("accession"),
            Column("cik", "integer", low=1),
            _text("unit"),
            _text("flags"),
        ),
        key=("ticker", "item", "period_start", "period_end", "filed", "known_at", "accession"),
        dated_by="period_end",
        known_by="known_at",
        ordered=(("period_start", "period_end"), ("period_end", "filed"), ("period_end", "known_at")),
    ),
    Table(
        "securities",
        (
            _text("ticker", True),
            _text("name"),
            Column("cik", "integer", low=1),
            _text("sector"),
            _text("industry"),
            _text("sic"),
            _text("exchange"),
            _text("type"),
            _date("first_date"),
            _date("last_date"),
            _text("delist_reason"),
            _number("delist_return", low=-1.0),
        ),
        key=("ticker", "first_date"),
        dated_by="first_date",
        ordered=(("first_date", "last_date"),),
    ),
    Table(
        "members",
        (_text("index", True), _text("ticker", True), _date("start", True), _date("end")),
        key=("index", "ticker", "start"),
        dated_by="start",
        known_by="start",
        ordered=(("start", "end"),),
    ),
    Table(
        "symbols",
        (
            _text("symbol", True),
            _text("ticker", True),
            _date("start"),
            _date("end"),
            _text("source"),
        ),
        key=("symbol", "start", "end"),
        dated_by="end",
        ordered=(("start", "end"),),
    ),
    Table(
        "market_cap",
        (_date("date", True), _text("ticker", True), _number("value", True, above=0.0), _text("source")),
        key=("ticker", "date"),
        dated_by="date",
        known_by="date",
    ),
    Table(
        "rates",
        (_date("date", True), _text("name", True), _number("value", True, low=-0.5, high=2.0)),
        key=("name", "date"),
        dated_by="date",
        known_by="date",
    ),
    Table(
        "borrow",
        (
            _date("date", True),
            _text("ticker", True),
            _number("fee_annual", True, low=0.0, high=20.0),
            _number("rebate_annual"),
            _number("available_shares", low=0.0),
        ),
        key=("ticker", "date"),
        dated_by="date",
        known_by="date",
    ),
    Table(
        "short_interest",
        (
            _date("settlement_date", True),
            _date("published_date", True),
            _text("ticker", True),
            _number("shares_short", low=0.0),
            _number("float_shares", above=0.0),
            _number("short_percent_of_float", low=0.0),
        ),
        key=("ticker", "settlement_date", "published_date"),
        dated_by="settlement_date",
        known_by="published_date",
        any_of=("shares_short", "short_percent_of_float"),
        ordered=(("settlement_date", "published_date"),),
    ),
    Table(
        "tags",
        (
            _text("ticker", True),
            _text("tag", True),
            _date("valid_from", True),
            _date("valid_to"),
            _text("source", True),
        ),
        key=("ticker", "tag", "valid_from"),
        dated_by="valid_from",
        known_by="valid_from",
        ordered=(("valid_from", "valid_to"),),
    ),
    Table(
        "filing_text",
        (
            _text("ticker", True),
            _date("filed", True),
            _text("form", True),
            _text("section", True),
            _number("words", True, low=0.0),
            _number("adoption_hits", True, low=0.0),
            _number("infrastructure_hits", True, low=0.0),
        ),
        key=("ticker", "filed", "form", "section"),
        dated_by="filed",
        known_by="filed",
    ),
    Table(
        "earnings",
        (
            _text("ticker", True),
            _date("date", True),
            _text("when", among=frozenset({"bmo", "amc"})),
            _number("eps_actual"),
            _number("eps_estimate"),
        ),
        key=("ticker", "date"),
        dated_by="date",
        known_by="date",
    ),
    Table(
        "factors",
        (_date("date", True), _text("name", True), _number("value", True, low=-1.0)),
        key=("name", "date"),
        dated_by="date",
        known_by="date",
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
"""Every table by name, in the order of the interface."""
