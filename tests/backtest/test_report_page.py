"""The report as text: it needs nothing from outside, runs nothing from data, and says what the summary says."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from backtest.plain_json import as_json
from backtest.report.bundle import packed
from backtest.report.numerals import numeral
from backtest.report.page import MAX_BYTES, render

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of each `data` element."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.numbers: list[tuple[dict[str, str], str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        self._inside = tag == "data"
        if self._inside:
            self.numbers.append((found, ""))

    def handle_data(self, data: str) -> None:
        if self._inside:
            attrs, text = self.numbers[-1]
            self.numbers[-1] = (attrs, text + data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def parsed(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    return elements


@pytest.fixture(scope="module")
def page(synthetic_result):
    return render(synthetic_result)


def pointed(data, pointer):
    for step in pointer.strip("/").split("/"):
        data = data[step]
    return data


def test_one_file_of_at_most_five_megabytes(page):
    assert len(page.encode()) < MAX_BYTES == 5_000_000


def test_nothing_is_fetched(page):
    """No element refers to anything outside the file, and the policy forbids what a script might try."""
    elements = parsed(page)
    assert not re.search(r"https?://|//[a-z0-9-]+\.[a-z]{2,}", re.sub(r">[A-Za-z0-9+/=\s]{5000,}<", "><", page))
    for tag, attrs in elements.tags:
        assert tag not in {"link", "iframe", "object", "embed", "img"}
        assert "src" not in attrs, tag
        if "href" in attrs:
            assert attrs["href"].startswith("#")
    policy = next(a["content"] for t, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    assert "'unsafe-eval'" not in policy
    assert not re.search(r"\bfetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon", page)


def test_every_script_that_runs_carries_the_nonce(page):
    elements = parsed(page)
    policy = next(a["content"] for t, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{24})'", policy)[1]
    scripts = [a for t, a in elements.tags if t == "script"]
    assert [a.get("nonce") for a in scripts if a.get("type") != "application/octet-stream"] == [nonce]


def test_text_from_data_is_escaped(make_result):
    result = make_result(names=[HOSTILE] * 40, question=HOSTILE)
    result.warnings = [HOSTILE]
    result.stress = result.stress.assign(window=HOSTILE, note=HOSTILE)
    result.constituents = result.constituents.assign(sector=HOSTILE, reason=HOSTILE, flags=HOSTILE, ticker=HOSTILE)
    result.changes = result.changes.assign(reason=HOSTILE)
    result.regime = result.regime.assign(signal=HOSTILE, definition=HOSTILE)
    result.spread = result.spread.assign(window=HOSTILE, benchmark=HOSTILE)
    result.market.name = HOSTILE
    result.summary["answer"] = HOSTILE
    result.summary["something_new"] = {HOSTILE: HOSTILE}
    elements = parsed(render(result))
    assert not [t for t, _ in elements.tags if t == "img"]
    assert len([t for t, _ in elements.tags if t == "script"]) == 3
    assert not [a for _, a in elements.tags if any(name.startswith("on") for name in a)]


def test_hostile_names_are_plain_text_in_figures_too(make_result):
    from backtest.report.figures import figures

    result = make_result()
    result.constituents = result.constituents.assign(sector='<a href="javascript:x">y</a>')
    assert "<a" not in figures(result)["sectors"].to_json().encode().decode("unicode_escape")


def test_every_number_of_the_summary_is_the_summarys(page, synthetic_result):
    elements = parsed(page)
    assert len(elements.numbers) > 120
    for attrs, text in elements.numbers:
        value = pointed(synthetic_result.summary, attrs["data-key"])
        assert float(attrs["value"]) == float(value), attrs["data-key"]
        style = attrs["data-style"]
        assert text == numeral(value, style.removesuffix("+"), sign=style.endswith("+"))


def test_every_number_of_the_summary_is_somewhere(page, synthetic_result):
    """A page that says less than the file hides something."""
    keys = {attrs["data-key"] for attrs, _ in parsed(page).numbers}

    def walk(value, path):
        if isinstance(value, dict):
            for key, child in value.items():
                yield from walk(child, f"{path}/{key}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path

    told = {p for p in walk(synthetic_result.summary, "") if not p.startswith("/span")}
    beside = {
        p for p in told if p.startswith("/spread_over_index") and p.endswith("/t")
    }  # as `t 0.20` under the figure
    missing = told - keys - beside
    assert missing == set()


def test_warnings_stand_before_any_figure(page, synthetic_result):
    first_figure = page.index('class="plot"')
    for warning in synthetic_result.warnings:
        assert 0 < page.index(warning.replace("'", "&#39;")) < first_figure


def test_same_result_same_bytes(make_result):
    assert render(make_result()) == render(make_result())
    assert packed("a") == packed("a")


def test_missing_frames_leave_figures_out(make_result):
    """Without regime signals, stress windows or alternatives the rest of the page stands."""
    result = make_result()
    for name in ("regime", "stress", "spread", "changes", "attribution"):
        setattr(result, name, getattr(result, name).iloc[:0])
    result.alternatives = pd.DataFrame(index=result.nav.index)
    result.summary = {"sleeves": result.summary["sleeves"], "warnings": []}
    result.warnings = []
    elements = parsed(render(result))
    drawn = {a["data-figure"] for _, a in elements.tags if "data-figure" in a}
    assert "wealth" in drawn
    assert drawn.isdisjoint({"tape", "stress", "spread"})


def test_unknown_numbers_are_dashes_not_zeros(make_result):
    result = make_result()
    result.summary["sleeves"]["hedged"]["sharpe"] = float("nan")
    result.stress.loc[0, "hedged"] = float("nan")
    text = render(result)
    assert "nan%" not in text
    assert ">nan<" not in text
    as_json(result.summary)


def test_a_reader_with_a_keyboard_or_a_screen_reader(page):
    elements = parsed(page)
    assert ("html", {"lang": "en"}) in elements.tags
    canvases = [a for _, a in elements.tags if "data-figure" in a]
    assert all(a["role"] == "img" and len(a["aria-label"]) > 20 for a in canvases)
    assert elements.tags.count(("h1", {})) == 1
    heads = [a for t, a in elements.tags if t == "th"]
    assert all(a.get("scope") in {"col", "row"} for a in heads)
    regions = [a for _, a in elements.tags if a.get("class") == "wrap"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)
    ids = [a["id"] for _, a in elements.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_filings_are_links_to_the_sec_and_to_nowhere_else(make_result):
    """A link asks for nothing until a reader follows it; a link of the data's own making is never written."""
    result = make_result()
    good = "https://www.sec.gov/Archives/edgar/data/320193/000032019324000069/0000320193-24-000069-index.htm"
    urls = [good, "javascript:alert(1)", "https://www.sec.gov.evil.example/", ""] * 10
    result.constituents = result.constituents.assign(filing="10-Q", filed="2024-05-03", filing_url=urls)
    elements = parsed(render(result))
    outward = [a for tag, a in elements.tags if tag == "a" and not a["href"].startswith("#")]
    assert {a["href"] for a in outward} == {good}
    assert len(outward) == 10
    assert all(a["rel"] == "noopener noreferrer" for a in outward)


def test_the_answer_has_minus_signs():
    from backtest.report.numerals import true_minus

    assert (
        true_minus("from -39% to -31%, t -0.2; year-end 2024-12-31") == "from −39% to −31%, t −0.2; year-end 2024-12-31"
    )
