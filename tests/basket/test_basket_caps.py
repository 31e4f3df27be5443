from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basket.caps import cap_weights, codes_of, group_room, water_fill
from market.errors import InfeasibleError


@pytest.mark.parametrize(
    ("base", "cap", "expected"),
    [
        ((0.5, 0.2, 0.2, 0.1), 0.35, (0.35, 0.26, 0.26, 0.13)),
        ((0.6, 0.3, 0.1), 0.4, (0.4, 0.4, 0.2)),
        ((0.25, 0.25, 0.25, 0.25), 0.25, (0.25, 0.25, 0.25, 0.25)),
        ((5.0, 0.0, 5.0), 0.5, (0.5, 0.0, 0.5)),
    ],
)
def test_fixtures(base, cap, expected) -> None:
    np.testing.assert_allclose(water_fill(np.array(base), cap), expected, rtol=0, atol=1e-15)


def test_two_names_at_forty_percent_cannot_hold_one() -> None:
    with pytest.raises(InfeasibleError, match=r"2 names under their caps hold at most 0.8"):
        water_fill(np.array([0.5, 0.5]), 0.4)


def pour_until_stable(base: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """The textbook loop: clip, hand the excess pro rata to those below their cap, repeat."""
    weights = base / base.sum()
    for _ in range(10_000):
        over = np.maximum(weights - caps, 0).sum()
        weights = np.minimum(weights, caps)
        free = weights < caps - 1e-15
        if over < 1e-15 or not free.any():
            break
        weights[free] += over * weights[free] / weights[free].sum()
    return weights


bases = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=30).map(np.array)


@settings(max_examples=200, deadline=None)
@given(base=bases, slack=st.floats(1.0, 3.0))
def test_the_closed_form_is_the_textbook_loop(base: np.ndarray, slack: float) -> None:
    caps = np.full(base.size, slack / base.size)
    weights = water_fill(base, caps)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert (weights <= caps + 1e-12).all()
    np.testing.assert_allclose(weights, pour_until_stable(base, caps), atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), base=bases)
def test_permuting_the_names_permutes_the_weights(data, base: np.ndarray) -> None:
    order = np.array(data.draw(st.permutations(range(base.size))))
    groups = np.arange(base.size) % 3
    group_caps = np.array([0.5, 0.6, np.inf])
    cap = 2.5 / base.size
    try:
        weights = cap_weights(base, cap, groups, group_caps)
    except InfeasibleError:
        return
    np.testing.assert_allclose(cap_weights(base[order], cap, groups[order], group_caps), weights[order], atol=1e-12)
    for code in range(3):
        assert weights[groups == code].sum() <= group_caps[code] + 1e-12
    assert weights.sum() == pytest.approx(1, abs=1e-12)


def test_forty_equal_names_with_twenty_four_in_one_sector() -> None:
    groups = np.array([0] * 24 + [1] * 10 + [2] * 6)
    weights = cap_weights(np.ones(40), 0.04, groups, np.full(3, 0.40))
    np.testing.assert_allclose(weights[:24], 0.40 / 24)
    np.testing.assert_allclose(weights[24:], 0.60 / 16)


def test_the_room_of_a_sector_is_where_the_caps_stop_holding() -> None:
    room = group_room(40, 0.04, 0.40)
    assert room == 25
    for inside, feasible in ((room, True), (room + 1, False)):
        groups = np.array([0] * inside + [1] * (40 - inside))
        caps = np.array([0.40, np.inf])
        if feasible:
            assert cap_weights(np.ones(40), 0.04, groups, caps).sum() == pytest.approx(1)
        else:
            with pytest.raises(InfeasibleError):
                cap_weights(np.ones(40), 0.04, groups, caps)


def test_codes_are_alphabetical_and_unknown_is_in_no_group() -> None:
    codes, names = codes_of(["Tech", "", "Energy", "Tech"])
    assert codes.tolist() == [1, -1, 0, 1]
    assert names == ["Energy", "Tech"]
