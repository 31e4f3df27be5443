"""How long a balance-sheet figure lasts: 200 days, or 15 months where the company gives it once a year."""

import numpy as np
import pandas as pd

from market.statements import Statements

SESSIONS = pd.bdate_range("2022-01-03", "2025-12-31")


def debt_on(ends: list[str], session: str) -> float:
    facts = pd.DataFrame(
        {
            "ticker": "X",
            "item": "long_term_debt",
            "period_end": pd.to_datetime(ends),
            "value": np.arange(1.0, len(ends) + 1.0),
            "filed": pd.to_datetime(ends) + pd.Timedelta(days=40),
            "form": "10-Q",
        }
    )
    return float(Statements.build(facts, pd.Index(["X"]), SESSIONS).at(session).item("long_term_debt")[0])


def test_a_balance_given_once_a_year_lasts_until_the_next_report_is_overdue() -> None:
    yearly = ["2022-12-31", "2023-12-31"]
    assert debt_on(yearly, "2024-10-17") == 2.0  # 291 days
    assert debt_on(yearly, "2025-03-31") == 2.0  # 456 days
    assert np.isnan(debt_on(yearly, "2025-04-10"))  # 466 days


def test_a_balance_given_each_quarter_is_stale_after_200_days() -> None:
    quarterly = ["2023-06-30", "2023-09-30", "2023-12-31"]
    assert debt_on(quarterly, "2024-07-17") == 3.0  # 199 days
    assert np.isnan(debt_on(quarterly, "2024-07-19"))  # 201 days


def test_one_figure_alone_does_not_say_that_it_is_annual() -> None:
    assert np.isnan(debt_on(["2023-12-31"], "2024-10-17"))


def test_a_company_that_stops_its_quarterly_figure_is_not_taken_for_an_annual_one() -> None:
    stopped = ["2022-12-31", "2023-03-31", "2023-06-30"]
    assert np.isnan(debt_on(stopped, "2024-04-17"))
