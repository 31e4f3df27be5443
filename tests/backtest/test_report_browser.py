"""A real browser opens the report: every figure drawn, no console error, sorting works, paper fits."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from backtest.report.figures import FIGURES
from backtest.report.page import render

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",
    "--enable-logging=stderr",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

# Runs in the page, after the figures: what a reader would do, and what came of it.
PROBE = """
<script nonce="%s">
addEventListener("securitypolicyviolation", (e) => { document.body.dataset.violation = e.violatedDirective; });
const wait = setInterval(() => {
  if (!document.documentElement.dataset.figures) return;
  clearInterval(wait);
  const table = document.getElementById("table-constituents");
  const first = () => table.tBodies[0].rows[0].cells[0].dataset.value;
  const head = [...table.tHead.rows[0].cells].find((c) => c.textContent.trim() === "Rank");
  const seen = [first()];
  head.querySelector("button").click(); seen.push(first(), head.getAttribute("aria-sort"));
  head.querySelector("button").click(); seen.push(first(), head.getAttribute("aria-sort"));
  document.body.dataset.sorted = seen.join(" ");
  const filter = document.getElementById("filter-constituents");
  filter.value = "N07"; filter.dispatchEvent(new Event("input"));
  document.body.dataset.filtered = [...table.tBodies[0].rows].filter((r) => !r.hidden).length;
  const light = getComputedStyle(document.body).backgroundColor;
  document.getElementById("theme").click();
  document.body.dataset.themes = [light, getComputedStyle(document.body).backgroundColor].join(" | ");
  document.body.dataset.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.body.dataset.traces = [...document.querySelectorAll("[data-figure]")]
    .filter((c) => c.querySelector("svg .trace, svg .point, svg .bars")).length;
}, 50);
</script>
"""


def browse(tmp_path, *more, url):
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *more, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def page(synthetic_result):
    return render(synthetic_result)


@pytest.fixture(scope="module")
def visit(page, tmp_path_factory):
    directory = tmp_path_factory.mktemp("browser")
    nonce = re.search(r"'nonce-([0-9a-f]+)'", page)[1]
    file = directory / "report.html"
    file.write_text(page.replace("</body>", PROBE % nonce + "</body>"), encoding="utf-8")
    return browse(directory, "--window-size=1280,900", "--dump-dom", url=f"file://{file}?theme=light")


def attribute(dom, name):
    found = re.search(rf'<body[^>]* {name}="([^"]*)"', dom)
    return found and found[1]


def test_every_figure_is_drawn_and_the_console_is_silent(visit):
    assert 'data-figures="drawn"' in visit.stdout
    assert visit.stdout.count('data-drawn="yes"') == len(FIGURES)
    assert attribute(visit.stdout, "data-traces") == str(len(FIGURES))
    assert "CONSOLE" not in visit.stderr, visit.stderr
    assert attribute(visit.stdout, "data-violation") is None


def test_the_table_sorts_both_ways_and_filters(visit):
    assert attribute(visit.stdout, "data-sorted") == "N00 N39 descending N00 ascending"
    assert attribute(visit.stdout, "data-filtered") == "1"


def test_both_themes(visit):
    light, dark = attribute(visit.stdout, "data-themes").split(" | ")
    assert light == "rgb(252, 252, 250)"
    assert dark == "rgb(15, 19, 23)"


def test_the_page_itself_never_scrolls_sideways(visit):
    assert attribute(visit.stdout, "data-overflow") == "0"


def test_hostile_text_neither_runs_nor_breaks_the_page(make_result, tmp_path):
    hostile = '<script>document.body.dataset.violation="ran"</script><img src=x onerror="document.title=1">'
    result = make_result(names=[hostile] * 40, question=hostile)
    result.constituents = result.constituents.assign(sector=hostile)
    result.stress = result.stress.assign(window=[f"{hostile}{i}" for i in range(len(result.stress))])
    file = tmp_path / "report.html"
    file.write_text(render(result), encoding="utf-8")
    visit = browse(tmp_path, "--dump-dom", url=f"file://{file}")
    assert 'data-figures="drawn"' in visit.stdout
    assert attribute(visit.stdout, "data-violation") is None
    assert "CONSOLE" not in visit.stderr, visit.stderr


def test_prints(page, tmp_path):
    file, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    file.write_text(page, encoding="utf-8")
    browse(tmp_path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer", url=f"file://{file}?theme=dark")
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert 6 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 24
