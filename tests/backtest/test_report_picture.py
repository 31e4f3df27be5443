"""Still pictures: every figure, the same bytes twice, small, and what a notebook shows of a result."""

from __future__ import annotations

import io
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import backtest
from backtest.report.figures import FIGURES
from backtest.report.picture import CSS_DPI, SHARPNESS, WIDTH, lines
from market.errors import ConfigError


@pytest.fixture(scope="module")
def result(synthetic_result):
    """The synthetic run as a `Result`; what it lacks is None."""
    return backtest.Result(**{one.name: getattr(synthetic_result, one.name, None) for one in fields(backtest.Result)})


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_picture_that_repeats_to_the_byte(result, name):
    drawn = result.picture(name)
    image = Image.open(io.BytesIO(drawn.png))
    assert image.size == (round(WIDTH * SHARPNESS), round(drawn.height * SHARPNESS))
    assert len(drawn.png) < 60_000
    assert drawn.png == result.picture(name).png
    assert repr(drawn).startswith(drawn.title)
    assert len(np.unique(np.asarray(image.convert("RGBA")).reshape(-1, 4), axis=0)) > 8, "something is drawn"


def test_a_picture_is_shown_at_its_width_in_css_pixels(result):
    png, size = result.picture("wealth")._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] == WIDTH
    assert CSS_DPI == 96


def test_an_unknown_picture_names_those_there_are(result):
    with pytest.raises(ConfigError, match="wealth"):
        result.picture("welth")


def test_lines_of_a_frame_end_in_its_last_values():
    frame = pd.DataFrame({"a": [0.1, 0.2], "b": [0.3, np.nan]}, index=pd.date_range("2024-01-02", periods=2))
    assert "a 20%, b 30%" in repr(lines(frame, "Title", unit=".0%"))
    with pytest.raises(ConfigError, match="lines"):
        lines(pd.DataFrame(np.zeros((2, 8)), index=frame.index))


def test_what_a_notebook_shows_of_a_result_escapes_its_text(result):
    shown = replace(result, name="<script>")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "maximum drawdown" in shown


def test_the_package_offers_run_and_result_without_loading_anything_heavy():
    assert backtest.Result.__name__ == "Result"
    assert callable(backtest.run)
    with pytest.raises(AttributeError):
        _ = backtest.nothing


@pytest.mark.parametrize("sessions", [3, 40, 200, 480, 760, 1100, 1300, 2600])
def test_dates_find_their_ticks_over_any_span(sessions, recwarn):
    frame = pd.DataFrame({"a": np.arange(sessions) + 1.0}, index=pd.bdate_range("2016-03-01", periods=sessions))
    assert lines(frame).png
    assert not [str(one.message) for one in recwarn]
