"""References between files: the same whichever directory one stands in."""

from __future__ import annotations

from basket.spec import BasketSpec
from screens.loading import load


def test_a_path_that_climbs_is_the_same_project(monkeypatch, tmp_path):
    """From a sibling directory (a notebook's), `../configs/...` means what it means from the root."""
    (tmp_path / "notebooks").mkdir()
    for name, text in (("screens/s.yaml", SCREEN_OF_ONE), ("baskets/b.yaml", BASKET_OF_ONE)):
        file = tmp_path / "configs" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert load("../configs/baskets/b.yaml", BasketSpec).screen.target.name == "s.yaml"
    assert load("../configs/baskets/b.yaml", BasketSpec, root="../configs").name == "b"


SCREEN_OF_ONE = """
kind: screen
name: s
universe: {index: sp500}
blocks: {leverage: {weight: 1.0, metrics: [liabilities_assets]}}
selection: {count: 2}
"""
BASKET_OF_ONE = """
kind: basket
name: b
screen: ../screens/s.yaml
"""
