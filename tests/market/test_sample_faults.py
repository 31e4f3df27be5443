"""The faults that the shipped sample is known to have: each is there, and each is kept from doing harm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from market.check import check
from market.facts import flag_names

DATES = ("2019-06-28", "2022-06-30", "2025-06-30")
YEAR, FIRST_QUARTER = (350, 380), (80, 100)


@pytest.fixture(scope="module")
def data() -> market.Market:
    return market.open("sample")


@pytest.fixture(scope="module")
def facts(data: market.Market) -> pd.DataFrame:
    rows = data.rows("facts")
    return rows.assign(days=(rows["period_end"] - rows["period_start"]).dt.days + 1)


def _at(data: market.Market, ticker: str) -> int:
    return int(data.tickers.get_loc(ticker))


def _about(series: pd.Series, day: pd.Timestamp, days: int) -> pd.Timestamp | None:
    """The day of a series within ten days of `day + days`."""
    near = [one for one in series.index if abs((one - day).days - days) <= 10]
    return near[0] if near else None


def _stocks(data: market.Market, view: market.View) -> np.ndarray:
    """Priced stocks that are neither financials nor real estate."""
    return view.is_stock() & ~np.isnan(view.close()) & ~np.isin(view.sector(), ["Financials", "Real Estate"])


def test_four_rows_of_cash_flow_are_no_year(data: market.Market, facts: pd.DataFrame) -> None:
    """Annual or first-quarter rows only: most rolling sums of four "quarters" span years, and none is made here."""
    rows = facts[facts["item"] == "cash_from_operations"].sort_values(["ticker", "period_end"])
    assert rows["days"].between(*YEAR).mean() + rows["days"].between(*FIRST_QUARTER).mean() == 1.0
    short = rows[rows["days"].between(*FIRST_QUARTER)]
    begins = short.groupby("ticker")["period_start"].shift(3)
    span = (short["period_end"] - begins).dt.days.dropna()
    assert (span > 400).mean() > 0.6
    for date in DATES:
        view = data.as_of(date)
        value = view.item("cash_from_operations")
        ended = rows[rows["period_end"] < date]
        assert np.isfinite(value).sum() > 300
        for i in np.flatnonzero(np.isfinite(value))[::12]:
            own = ended[ended["ticker"] == data.tickers[i]]
            years = own[own["days"].between(*YEAR)].set_index("period_end")["value"]
            short_ones = own[own["days"].between(*FIRST_QUARTER)].set_index("period_end")["value"]
            allowed = set(years)
            for year_end, amount in years.items():  # some give each quarter: up to three follow the year
                begin, total = year_end, amount
                while (end := _about(short_ones, begin, 91)) is not None:
                    before = _about(short_ones, end, -365)
                    if before is None:
                        break
                    total += short_ones[end] - short_ones[before]
                    allowed.add(total)
                    begin = end
            assert any(abs(value[i] - one) <= 1.0 for one in allowed), (date, data.tickers[i])


@pytest.mark.parametrize("item", ["dividends_paid", "share_repurchases"])
def test_what_has_no_annual_row_has_no_twelve_months(data: market.Market, facts: pd.DataFrame, item: str) -> None:
    assert facts.loc[facts["item"] == item, "days"].max() <= 100
    for date in DATES:  # of one name the quarters of two companies happen to abut
        assert np.isfinite(data.as_of(date).item(item)).sum() <= 1


@pytest.mark.parametrize("item", ["research_and_development", "cost_of_revenue", "shares_diluted"])
def test_what_is_given_once_a_year_has_no_quarter(data: market.Market, facts: pd.DataFrame, item: str) -> None:
    assert facts.loc[facts["item"] == item, "days"].min() >= 350
    view = data.as_of("2022-06-30")
    assert np.isnan(view.item(item, "quarter")).all()
    assert np.isfinite(view.item(item, "year")).sum() > 100


@pytest.mark.parametrize(
    "item", ["interest_expense", "depreciation_amortization", "current_assets", "current_liabilities"]
)
def test_what_is_absent_is_unknown_and_not_zero(data: market.Market, item: str) -> None:
    for date in DATES:
        assert np.isnan(data.as_of(date).item(item)).all()


def test_the_fourth_quarter_is_derived(data: market.Market) -> None:
    """No filing states it; of December year-ends it is the year less what went before, and says so."""
    view = data.statements.at("2022-03-01")
    at_year_end = view.period_end("net_income", "quarter") == np.datetime64("2021-12-31")
    bits = view.flags("net_income", "quarter")[at_year_end]
    assert at_year_end.sum() > 200
    assert np.mean(["derived_q4" in flag_names(int(one)) for one in bits]) > 0.8


def test_a_missing_debt_is_missing(data: market.Market) -> None:
    view = data.as_of("2025-06-30")
    stocks = _stocks(data, view)
    debt = view.item("long_term_debt")[stocks]
    assert 0.2 < np.isnan(debt).mean() < 0.5
    for ticker in ("F", "GM", "VZ", "CVS", "RCL"):
        assert np.isnan(view.item("long_term_debt")[_at(data, ticker)])


def test_share_counts_are_on_a_later_split_basis(data: market.Market, facts: pd.DataFrame) -> None:
    """NVIDIA's year to January 2021 is given in shares of 2021-07 on, ten times fewer than those of 2024: shares times
    close as traded would be wrong by the splits, the market cap is not.
    """
    counts = facts[(facts["ticker"] == "NVDA") & (facts["item"] == "shares_diluted")].set_index("period_end")["value"]
    assert counts["2021-01-31"] == 2_510e6
    assert counts["2024-01-28"] == 24_940e6
    early = data.as_of("2021-06-30")  # before the split of 2021-07-20, 4 for 1
    nvidia = _at(data, "NVDA")
    naive = early.item("shares_diluted")[nvidia] * early.close()[nvidia]
    assert naive / early.market_cap()[nvidia] == pytest.approx(4, rel=0.05)
    assert early.market_cap()[nvidia] == pytest.approx(498e9, rel=0.02)
    assert ("NVDA", "share_jump") in {(f.ticker, f.kind) for f in check(data)}


def test_sizes_that_know_a_later_share_count_say_so(data: market.Market) -> None:
    caps = data.table("market_cap")
    assert set(caps["source"]) == {"constant_shares", "nasdaq_screener", "shares_x_close"}
    assert any("know a later share count" in note for note in data.notes())


def test_a_fee_of_two_weekends_is_not_carried_over_years(data: market.Market) -> None:
    dates = sorted(data.table("borrow")["date"].unique())
    assert [str(day)[:10] for day in dates] == ["2022-08-06", "2025-12-28"]
    assert data.as_of("2022-08-10").borrow_known().sum() > 400
    for date in ("2022-08-05", "2022-09-30", "2024-06-28", "2025-12-26"):
        assert not data.as_of(date).borrow_known().any()
    assert np.isfinite(data.as_of("2024-06-28").borrow_fee()).any()  # tiers


def test_short_interest_is_one_day_with_a_stretch_missing(data: market.Market) -> None:
    held = set(data.table("short_interest")["ticker"])
    stocks = data.tickers[(data.securities["type"] == "stock").to_numpy()]
    gone = [ticker for ticker in stocks if ticker not in held]
    assert len(gone) > 100
    assert {"HD", "JPM", "KO", "META", "MSFT", "NFLX"} <= set(gone)
    assert np.isnan(data.as_of("2026-05-15").short_interest()).all()  # not published yet
    assert any("a stretch of the alphabet is missing" in note for note in data.notes())


@pytest.mark.parametrize(("ticker", "last"), [("RSP", "2026-03-03"), ("^GSPC", "2026-04-24")])
def test_a_series_that_ends_is_not_carried_on(data: market.Market, ticker: str, last: str) -> None:
    close = data.panel([ticker]).close[:, 0]
    end = data.sessions.get_loc(pd.Timestamp(last))
    assert np.isfinite(close[end])
    assert np.isnan(close[end + 1 :]).all()


def test_factors_end_before_the_prices(data: market.Market) -> None:
    assert data.table("factors")["date"].max() == pd.Timestamp("2026-01-30")
    assert np.isnan(data.as_of("2026-03-31").factor("Mkt-RF", 5)).all()


def test_announcements_are_dense_from_2020_only(data: market.Market) -> None:
    by_year = data.table("earnings")["date"].dt.year.value_counts()
    assert by_year[2019] < 50
    assert by_year[2021] > 1_500


def test_one_version_of_each_fact(data: market.Market, facts: pd.DataFrame) -> None:
    assert not facts.duplicated(["ticker", "item", "period_start", "period_end"]).any()
    assert "accession" not in facts
    assert any("restatements leak back" in note for note in data.notes())
    assert any("assumed lag" in note for note in data.notes())


def test_revenue_can_be_the_contract_part_only(data: market.Market) -> None:
    """ADM sold for 85.5 bn in 2024; the sample holds its contract revenue, a quarter of it."""
    assert data.as_of("2025-03-03").item("revenue")[_at(data, "ADM")] < 0.35 * 85.5e9


def test_equity_with_minorities_is_no_contradiction(data: market.Market) -> None:
    assert "T" not in {f.ticker for f in check(data) if f.kind == "unbalanced"}
