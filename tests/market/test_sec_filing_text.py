"""Sections and terms of annual reports: hand-made pages, and eight real ones where they are at hand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.errors import DataError
from market.sources.filing_text import counted, lines_of, rows, sections
from market.store import schema_of
from market.validation import canonical

REPORTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "sec" / "filings"
BODY = " ".join(["plain words about the business of the company"] * 40)


def page(*parts):
    return "<html><head><style>p {color: AI}</style></head><body>" + "".join(parts) + "</body></html>"


def toc():
    return "<table>" + "".join(
        f"<tr><td><a href='#{i}'>Item {i}.</a></td><td>Something</td><td>{n}</td></tr>"
        for n, i in enumerate(["1", "1A", "1B", "2", "7", "7A", "8"])
    ) + "</table>"  # fmt: skip


def test_sections_are_found_behind_a_table_of_contents_and_cross_references():
    document = page(
        toc(),
        f"<div>PART I</div><p><b>Item&#160;1.</b>&nbsp;<span>Business</span></p><p>{BODY} one</p>",
        f"<p>Item 1A. Risk Factors</p><p>{BODY} See &#8220;Item 7. Management&#8217;s&#8221; for more. two</p>",
        "<p>Item 1A. Risk Factors (continued)</p><p>still risk</p>",
        "<p>Item 1B. Unresolved Staff Comments</p><p>None</p>",
        f"<p>PART II, ITEM 7 — MANAGEMENT'S DISCUSSION</p><p>{BODY} three</p>",
        "<p>Item 7A. Quantitative</p><p>elsewhere</p>",
    )
    found = sections(document)
    assert list(found) == ["1", "1A", "7"]
    assert found["1"].text.endswith("one")
    assert found["1A"].text.endswith("still risk")
    assert found["7"].text.endswith("three")
    assert found["1"].words == 8 * 40 + 3  # Item, Business, one


def test_hidden_parts_are_no_text():
    lines = lines_of(page("<ix:header><div>hidden AI</div></ix:header><script>var AI</script><!-- AI --><p>seen</p>"))
    assert lines == ["seen"]
    with pytest.raises(DataError, match="no text"):
        sections("<html></html>")
    assert sections(page("<p>no items here</p>")) == {}


@pytest.mark.parametrize(
    ("text", "adoption", "infrastructure"),
    [
        ("He said the chairman maintains detailed plaid chairs.", 0, 0),  # no AI inside words
        ("Ai Weiwei and the ai sloth", 0, 0),
        ("AI, AI-powered and (AI)", 3, 0),
        ("Dr. AI of Kyoto, and AI B. Smith", 0, 0),
        ("generative AI", 1, 0),  # the longest term, once
        ("Generative Artificial Intelligence and MACHINE LEARNING", 2, 0),
        ("AI data centers and data centres", 0, 2),
        ("GPUs for hyperscalers, hyperscale, a GPU", 0, 4),
        ("power purchase agreement; purchase of power", 0, 1),
        ("LLMs, large language models, ChatGPT, chatbots", 4, 0),
        ("neural network, deep-learning, natural language processing", 3, 0),
        ("AIR, MAIL, AIDS, OpenAI", 0, 0),
    ],
)
def test_terms(text, adoption, infrastructure):
    section = counted("1", text)
    assert (section.adoption_hits, section.infrastructure_hits) == (adoption, infrastructure)


@given(st.text(alphabet="abcdefghi jklmnop.,\n", max_size=300))
def test_no_acronym_hides_in_lower_case(text):
    assert counted("1", text.replace("chatbot", "")).infrastructure_hits == 0
    spread = counted("1", f"{text} AI {text}")
    assert spread.adoption_hits >= 1


def test_rows_pass_the_stores_checks():
    document = page(f"<p>Item 1. Business</p><p>{BODY} AI</p><p>Item 2. Properties</p>")
    frame = rows(document, "X", pd.Timestamp("2024-02-20"), "10-K")
    assert frame["section"].tolist() == ["1"]
    assert len(canonical(frame, schema_of("filing_text"))) == 1
    assert rows(document, "X", pd.Timestamp("2024-02-20"), "10-K/A").empty


# Words (by blanks) of Items 1, 1A and 7 as edgartools 5.62 finds them in the same documents.
JUDGED = {
    "adbe-10-k-2025-01-13": (13472, 9731, 7259),
    "ba-10-k-2025-02-03": (2561, 8475, 13281),
    "crm-10-k-2025-03-05": (5783, 17601, 7710),
    "ko-10-k-2025-02-20": (8021, 13292, 17332),
    "nke-10-k-2025-07-17": (5659, 14400, 10716),
    "nvda-10-k-2025-02-26": (7966, 16511, 5797),
    "unp-10-k-2025-02-07": (4035, 4829, 8669),
    "wmt-10-k-2025-03-14": (5887, 14278, 9100),
}


@pytest.mark.skipif(not REPORTS.is_dir(), reason="the real reports are not at hand")
def test_real_reports_against_another_parser():
    densities = {}
    for name, judged in JUDGED.items():
        found = sections(gzip.decompress((REPORTS / f"{name}.html.gz").read_bytes()))
        lengths = [len(section.text.split()) for section in found.values()]
        assert lengths == pytest.approx(judged, rel=0.05), name
        words = sum(section.words for section in found.values())
        densities[name[: name.index("-")]] = 1e4 * sum(s.adoption_hits for s in found.values()) / words
    assert densities["nvda"] > 10 * densities["ko"] > 0
    assert densities["nvda"] > 10 * densities["unp"]
    assert min(densities["nvda"], densities["adbe"], densities["crm"]) > 3 * max(
        densities["ba"], densities["nke"], densities["wmt"]
    )
