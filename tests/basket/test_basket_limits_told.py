"""What bound and what gave way is told: turnover that leaves names by parts, capacity by limit, figures of a sector."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import basket
from basket.capacity import annual_impact_bps, capacity_summary, daily_volatility, name_notional_at_impact
from screens.explain import sector_alone
from screens.values import Values

SCREEN = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"
PROGRAM = (
    "weights: {scheme: equal, name_cap: 0.6}\ntargets: [{exposure: beta, target: 1.0, within: 1.0}]\n"
    "selection: {max_borrow_fee: 1.0, count: 3, enter_rank: 3, exit_rank: 3}\n"
)


def test_names_that_leave_by_rank_are_sold_in_part_where_the_turnover_cap_has_no_room(planted, write) -> None:
    write(
        "screens/wild.yaml",
        "kind: screen\nname: fickle\nuniverse: {index: idx, min_history_sessions: 60}\n"
        "blocks: {risk: {weight: 1, metrics: [return_1m]}}\nselection: {count: 3}\n",
    )
    free = basket.build(write("a.yaml", SCREEN + PROGRAM), planted, start="2023-01-10")
    made = basket.build(write("b.yaml", SCREEN + PROGRAM + "turnover_cap: 0.05\n"), planted, start="2023-01-10")
    told = made.events[made.events["event"] == "turnover_capped"]
    assert len(told) > 0
    assert "leave by rank are sold in part" in told["detail"].iloc[0]
    assert (made.weights.to_numpy() <= 0.6 + 1e-6).all()  # caps hold, unlike those of weights left where they drifted
    np.testing.assert_allclose(made.weights.sum(axis=1), 1.0, atol=1e-12)
    # What may not be held any more is exempt: its weight comes on top of the cap.
    drifted = made.drifted_weights()
    for number, session in enumerate(made.rebalances[1:], start=1):
        before = drifted.iloc[drifted.index.get_loc(session)]
        pool = made.pools[number]
        may = np.isfinite(pool.rank[planted.tickers.get_indexer(before.index)])
        assert made.turnover.loc[session] <= 0.05 + before[~may].sum() + 1e-5
    assert made.turnover.iloc[1:].mean() < free.turnover.iloc[1:].mean()


def test_a_cap_that_the_turnover_cap_overrules_is_told(planted, write) -> None:
    text = SCREEN + "weights: {scheme: equal, name_cap: 0.26}\nturnover_cap: 0.005\n"
    made = basket.build(write("b.yaml", text), planted, start="2023-01-10")
    told = made.events[made.events["event"] == "rule_gave_way"]
    over = made.weights.index[made.weights.max(axis=1) > 0.26 + 1e-6]
    assert len(over) > 0
    assert set(told["session"]) == set(over)
    assert told["detail"].str.contains("name cap 26 %: 1 above it|above it, as the turnover cap kept them").all()


def test_capacity_by_what_limits_it(planted) -> None:
    view = planted.as_of("2023-05-31")
    weights = pd.Series({"S00": 0.5, "S04": 0.3, "S08": 0.2})
    at = planted.tickers.get_indexer(weights.index)
    adv, sigma = view.dollar_volume(20)[at], daily_volatility(view)[at]
    found = capacity_summary(view, weights)
    assert found["five_days"] == pytest.approx((0.5 * adv / weights.to_numpy()).min())
    # Without a published float all shares count: 1 % of the capitalisation over the weight.
    assert found["float"] == pytest.approx((0.01 * view.market_cap()[at] / weights.to_numpy()).min())
    whole = annual_impact_bps(found["impact_10bps"], weights.to_numpy(), adv, sigma, 1.0)
    assert whole == pytest.approx(10.0)
    assert found["impact_50bps"] == pytest.approx(25 * found["impact_10bps"])
    each = name_notional_at_impact(10.0, weights.to_numpy(), adv, sigma)
    for k in range(3):
        alone = np.where(np.arange(3) == k, weights.to_numpy(), 0.0)
        # Of the name's own position: the basket's bps over its weight.
        assert annual_impact_bps(each[k], alone, adv, sigma, 1.0) / weights.iloc[k] == pytest.approx(10.0)


def test_a_basket_tells_what_it_carries_at_its_own_turnover(planted, write) -> None:
    made = basket.build(write("b.yaml", SCREEN), planted, start="2023-01-10")
    years = (made.rebalances[-1] - made.rebalances[0]).days / 365.25
    turnover = made.turnover.iloc[1:].sum() / years
    held = made.held_on(made.sessions[-1])
    assert made.carries() == capacity_summary(planted.as_of(made.sessions[-1]), held, turnover)
    assert "impact_capacity_usd" in made.capacity(1e6)


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        (np.full(6, 0.2), "the same for all 6 names of Energy: it speaks of the sector, not of the company"),
        (0.2 + 0.01 * np.arange(6), "nearly the same for all 6 names of Energy"),
        (np.linspace(-1, 1, 6), ""),
    ],
)
def test_a_figure_that_only_tells_sectors_apart_says_so(inside, told) -> None:
    values = Values(np.concatenate((inside, np.linspace(-1, 1, 20))))
    sectors = np.array(["Energy"] * 6 + ["Materials"] * 20, dtype=object)
    screened = SimpleNamespace(view=SimpleNamespace(sector=lambda: sectors), population=np.ones(26, dtype=bool))
    assert sector_alone(values, screened, 0).startswith(told)
    assert bool(sector_alone(values, screened, 0)) == bool(told)
    assert sector_alone(values, screened, 10) == ""


def test_exits_of_the_flagship_name_the_rule_and_the_sector_that_left_as_one() -> None:
    import market

    data = market.open("sample")
    root = Path(__file__).parents[2] / "configs/baskets/low_quality.yaml"
    made = basket.build(root, data, end="2023-01-31")
    reasons = made.exits["reason"]
    assert reasons.str.contains(r"fails the screen's ai_beta >= percentile 0\.5, stands at 0\.\d\d").any()
    assert reasons.str.contains("it speaks of the sector, not of the company").any()
