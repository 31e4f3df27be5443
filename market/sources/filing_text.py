"""The text of an annual report: Items 1, 1A and 7 found, words counted, AI terms counted.

1. HTML becomes lines of text: scripts, styles and the hidden XBRL header go, block elements end a line, the rest of the
   markup vanishes, entities are resolved.
2. A heading is a short line that begins with "Item n" (with or without its part). A section runs from a heading to the
   next heading of another item; a table of contents and cross references make short ones, so of several the longest
   is the section.
3. Words are runs of letters. Terms are matched longest first, each span once, at word boundaries ("said" holds no AI):
   without regard to case, except acronyms (`AI`, `GPU`, `LLM`), which must be written so; `AI` in a person's name is
   none.
4. Adoption terms (using or selling AI) and infrastructure terms (what it runs on) are counted apart; densities are per
   10,000 words. 10-K, 10-K405 and 10-KT count, amendments do not.

The terms are the core skills of Babina, Fedyk, He and Hodson (2024), J. Financial Economics 151, and the 10-K indices
of Ante and Saggu (2025), with the words of generative AI.

Own parser or edgartools? edgartools 5.62 finds the same sections in the eight reports this was tested on (word counts
within a tenth), but brings 13 packages and 30 MB, takes six seconds to import and four to ten a report; this file takes
0.1 seconds a report and nothing else. It was kept as the judge in the tests.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import pandas as pd

from market.errors import DataError

SECTIONS = ("1", "1A", "7")
ANNUAL_FORMS = frozenset({"10-K", "10-K405", "10-KT"})
LONGEST_HEADING = 160  # characters
SHORTEST_SECTION = 150  # words: below it a heading belongs to a table of contents

ADOPTION = (
    r"artificial intelligence", r"machine[- ]learning", r"deep[- ]learning", r"neural networks?",
    r"natural language processing", r"computer vision", r"large language models?", r"generative ai",
    r"generative artificial intelligence", r"gen ?ai", r"foundation(?:al)? models?", r"transformer models?",
    r"reinforcement learning", r"speech recognition", r"image recognition", r"chat ?bots?", r"chatgpt",
    r"agentic(?: ai)?", r"ai[- ]agents?",
)  # fmt: skip
INFRASTRUCTURE = (
    r"graphics processing units?", r"accelerated computing", r"ai[- ]data[- ]?cent(?:er|re)s?",
    r"data[- ]?cent(?:er|re)s?", r"hyper-?scalers?", r"hyper-?scale", r"power purchase agreements?",
    r"ai factor(?:y|ies)", r"ai infrastructure",
)  # fmt: skip
ADOPTION_ACRONYMS = (r"AI", r"NLP", r"LLMs?", r"GPT(?:-\d\w*)?", r"Copilot")
INFRASTRUCTURE_ACRONYMS = (r"GPUs?",)

_HIDDEN = re.compile(r"<(script|style|ix:header)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"<(?:/?(?:p|div|tr|table|li|ul|ol|h[1-6]|hr|title|body)\b[^>]*|br\s*/?)>", re.IGNORECASE)
_CELL = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0\u2000-\u200b\u202f\u3000]+")
_HEADING = re.compile(r"^(?:part\s+[iv]+\s*[,.:–—-]?\s*)?item\s*(\d{1,2}\s?[abc]?)\b\s*[.:–—-]?", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_NAME_AFTER = r"(?!\s+[A-Z]\.\s+[A-Z][a-z])(?!,\s*(?:Ph|M)\.?\s?D)"
_NAME_BEFORE = r"(?<!Mr\. )(?<!Ms\. )(?<!Dr\. )(?<!Mrs\. )"


def _either(terms: tuple[str, ...]) -> str:
    return "|".join(sorted(terms, key=len, reverse=True))


_TERMS = re.compile(
    rf"\b(?:(?P<infrastructure>(?i:{_either(INFRASTRUCTURE)})|(?:{_either(INFRASTRUCTURE_ACRONYMS)}))"
    rf"|(?P<adoption>(?i:{_either(ADOPTION)})|{_NAME_BEFORE}(?:{_either(ADOPTION_ACRONYMS)}){_NAME_AFTER}))(?!\w)"
)


@dataclass(frozen=True)
class Section:
    """One section of a report: its item, its text, and what was counted in it."""

    item: str
    text: str
    words: int
    adoption_hits: int
    infrastructure_hits: int

    @property
    def adoption_density(self) -> float:
        """Adoption terms per 10,000 words; NaN without words."""
        return 1e4 * self.adoption_hits / self.words if self.words else float("nan")


def lines_of(document: str) -> list[str]:
    """The text of an HTML document, a line a block, without empty lines."""
    text = _HIDDEN.sub(" ", document)
    text = _BLOCK.sub("\n", text)
    text = _CELL.sub(" ", text)
    text = html.unescape(_TAG.sub("", text))
    return [line for raw in text.split("\n") if (line := _BLANKS.sub(" ", raw).strip())]


def sections(document: str | bytes) -> dict[str, Section]:
    """Items 1, 1A and 7 of an annual report, those that were found. Raises `DataError` where there is no text."""
    text = document.decode("utf-8", errors="replace") if isinstance(document, bytes) else document
    lines = lines_of(text)
    if not lines:
        raise DataError("the document has no text")
    headings = [
        (number, found[1].replace(" ", "").upper())
        for number, line in enumerate(lines)
        if len(line) <= LONGEST_HEADING and (found := _HEADING.match(line))
    ]
    best: dict[str, Section] = {}
    for position, (number, item) in enumerate(headings):
        if item not in SECTIONS:
            continue
        following = (start for start, other in headings[position + 1 :] if other != item)
        section = counted(item, "\n".join(lines[number : next(following, len(lines))]))
        if section.words >= SHORTEST_SECTION and (item not in best or section.words > best[item].words):
            best[item] = section
    return {item: best[item] for item in SECTIONS if item in best}


def counted(item: str, text: str) -> Section:
    """Count the words and terms of a text.

    >>> one = counted("1", "He said the AI of our GPUs is generative AI, and maintains 2 data centers.")
    >>> one.adoption_hits, one.infrastructure_hits
    (2, 2)
    """
    adoption = infrastructure = 0
    for match in _TERMS.finditer(text):
        if match["adoption"] is not None:
            adoption += 1
        else:
            infrastructure += 1
    return Section(item, text, len(_WORD.findall(text)), adoption, infrastructure)


def rows(document: str | bytes, ticker: str, filed: pd.Timestamp, form: str) -> pd.DataFrame:
    """The rows of `filing_text` that one annual report gives, none for another form.

    `filed` is the day it was filed; it is known from the next session on.
    """
    columns = ["ticker", "filed", "form", "section", "words", "adoption_hits", "infrastructure_hits"]
    if form not in ANNUAL_FORMS:
        return pd.DataFrame(columns=columns)
    found = sections(document)
    return pd.DataFrame(
        [(ticker, filed, form, s.item, s.words, s.adoption_hits, s.infrastructure_hits) for s in found.values()],
        columns=columns,
    )
