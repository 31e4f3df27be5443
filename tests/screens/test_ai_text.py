"""AI in annual reports, from counts of eight real ones to ranks: who sells it, who fears it, and when it was known.

The counts are those of `market.sources.filing_text` on the 10-Ks filed on these days.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import market
from screens.metrics import REGISTRY

# ticker: filed, then words, adoption terms and infrastructure terms of Items 1, 1A and 7
REPORTS = {
    "ADBE": ("2025-01-13", (13457, 87, 0), (9831, 53, 8), (6729, 17, 7)),
    "BA": ("2025-02-03", (2584, 0, 0), (8589, 1, 0), (12335, 0, 0)),
    "CRM": ("2025-03-05", (5896, 62, 3), (17789, 51, 14), (7183, 12, 3)),
    "KO": ("2025-02-20", (8084, 0, 0), (13377, 9, 1), (16548, 0, 0)),
    "NKE": ("2025-07-17", (5606, 0, 0), (14497, 6, 0), (9270, 0, 0)),
    "NVDA": ("2025-02-26", (8077, 100, 82), (16695, 69, 45), (5485, 14, 26)),
    "UNP": ("2025-02-07", (3997, 0, 0), (4870, 1, 0), (7673, 0, 0)),
    "WMT": ("2025-03-14", (5865, 0, 0), (14425, 11, 0), (8258, 0, 0)),
}
ITEMS = ("Item 1", "Item 1A", "Item 7")


@pytest.fixture(scope="module")
def data():
    rows = [
        (ticker, pd.Timestamp(filed), "10-K", item, *counts)
        for ticker, (filed, *sections) in REPORTS.items()
        for item, counts in zip(ITEMS, sections, strict=True)
    ]
    columns = ["ticker", "filed", "form", "section", "words", "adoption_hits", "infrastructure_hits"]
    return market.open("sample").with_tables(filing_text=pd.DataFrame(rows, columns=columns))


def read(view, metric: str) -> pd.Series:
    values = pd.Series(REGISTRY[metric](view).value, index=view.tickers)
    return values[list(REPORTS)]


def test_nvidia_speaks_of_ai_and_coca_cola_and_union_pacific_do_not(data) -> None:
    text = read(data.as_of("2025-08-01"), "ai_text_density")
    assert text["NVDA"] == pytest.approx(np.log1p(1e4 * 114 / (8077 + 5485)))
    assert text["KO"] == text["UNP"] == 0  # in Items 1 and 7 neither names it
    assert list(text.sort_values(ascending=False).index[:3]) == ["NVDA", "CRM", "ADBE"]
    chips = read(data.as_of("2025-08-01"), "ai_infrastructure_density")
    assert chips.idxmax() == "NVDA"
    assert np.expm1(chips["NVDA"]) > 5 * np.expm1(chips["CRM"])


def test_those_who_name_it_as_a_risk_alone_are_at_the_top_of_the_risk_share(data) -> None:
    risk = read(data.as_of("2025-08-01"), "ai_risk_share")
    assert risk[["BA", "KO", "NKE", "UNP", "WMT"]].tolist() == pytest.approx([1.0] * 5)
    in_risks = 69 / 16695
    assert risk["NVDA"] == pytest.approx(in_risks / (in_risks + 100 / 8077 + 14 / 5485))
    assert risk[["NVDA", "ADBE", "CRM"]].max() < 0.4


def test_a_report_counts_from_the_session_after_it_was_filed_and_for_fifteen_months(data) -> None:
    def known(day: str) -> set[str]:
        text = read(data.as_of(day), "ai_text_density")
        return set(text.index[text.notna()])

    assert known("2025-01-13") == set()
    assert known("2025-01-14") == {"ADBE"}
    assert known("2025-02-26") == {"ADBE", "BA", "KO", "UNP"}
    assert known("2025-02-27") == {"ADBE", "BA", "KO", "NVDA", "UNP"}
    assert "ADBE" not in known("2026-05-01")  # the next report is overdue


def test_text_moves_the_scores_and_their_disagreement(data) -> None:
    """Where the store has texts of a few, only those few have two of the three sources: the score is theirs alone."""
    view = data.as_of("2025-08-01")
    score = pd.Series(REGISTRY["ai_beneficiary"](view).value, index=view.tickers).dropna()
    assert set(score.index) == set(REPORTS)
    assert score.idxmax() == "NVDA"
    assert score["NVDA"] == (8 - 0.5) / 8
    without = REGISTRY["ai_beneficiary"](market.open("sample").as_of("2025-08-01"))
    assert without.known().sum() > 400  # the AI beta alone
    spread = pd.Series(REGISTRY["ai_disagreement"](view).value, index=view.tickers)
    ranks = [REGISTRY[name](view) for name in ("ai_beta", "ai_text_density", "capex_intensity")]
    assert spread["NVDA"] > 0
    assert all(np.isfinite(values.value[list(view.tickers).index("NVDA")]) for values in ranks)
