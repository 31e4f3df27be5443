"""What a spec may say, and each filter and limit of the selection on planted data."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import basket
from basket.capacity import capacity_table
from basket.exposures import betas, exposures, of_portfolio, sector_weights
from basket.orders import trade_list
from basket.spec import BasketSpec, BookSpec
from market.errors import ConfigError, DataError, InfeasibleError
from screens.loading import from_mapping, load
from screens.metrics import REGISTRY

BASKET = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"
NAMES = [f"S{i:02d}" for i in range(12)]


def held(planted, write, extra: str, start: str = "2023-05-10") -> set[str]:
    made = basket.build(write("b.yaml", BASKET + extra), planted, start=start)
    return set(made.weights.columns[made.weights.iloc[0] > 0])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"screen": None}, "give screen or source, one of the two"),
        ({"schedule": {"frequency": "custom"}}, "dates: go with frequency custom, which needs them"),
        ({"schedule": {"frequency": "once", "months": [1]}}, "months: do not go with frequency once"),
        ({"schedule": {"months": [1, 1]}}, "months: each only once"),
        ({"schedule": {"frequency": "custom", "dates": ["2023-01-10", "2023-01-10"]}}, "dates: each only once"),
        ({"schedule": {"months": [13]}}, "must be at most 12, found 13"),
        ({"selection": {"count": 10, "enter_rank": 12}}, "enter_rank: 12 is more than count 10"),
        ({"selection": {"count": 10, "exit_rank": 8}}, "exit_rank: 8 is less than count 10"),
        ({"selection": {"enter_rank": 8}}, "enter_rank and exit_rank go with count"),
        ({"selection": {"count": 50}, "weights": {"scheme": "equal", "name_cap": 0.01}},
         r"name_cap: 0.01 cannot hold 50 names at a sum of 1 \(50 × 0.01 = 0.5\); needs at least 0.02"),
        ({"weights": {"scheme": "given"}}, "scheme: given needs a source that gives weights"),
        ({"weights": {"scheme": "eqal"}}, "did you mean 'equal'"),
        ({"weights": {"scheme": "liquidity_capped"}}, "required, but missing"),
        ({"targets": [{"exposure": "sector", "within": 0.1}]}, "sector weights are held near the book's; write book"),
        ({"targets": [{"exposure": "beta", "within": 0.1}]}, "target: needed, unless the target is relative_to book"),
        ({"turnover_cap": 1.5}, "must be at most 1"),
        ({"wieghts": {}}, "did you mean 'weights'"),
    ],
)  # fmt: skip
def test_a_spec_that_is_wrong_says_so(write, monkeypatch, spec, message) -> None:
    monkeypatch.chdir(write("b.yaml", BASKET).parent)
    given = {"kind": "basket", "name": "b", "screen": "screens/wild.yaml", **spec}
    with pytest.raises(ConfigError, match=message):
        from_mapping({key: value for key, value in given.items() if value is not None}, BasketSpec)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "fixed", "weights": {"A": 0.5, "B": 0.4}}, "weights sum to 0.9, not to 1; divide each by 0.9"),
        ({"kind": "fixed", "tickers": ["A", "B", "A"]}, "tickers: A stands there more than once"),
        ({"kind": "fixed", "tickers": ["aapl"]}, "did you mean 'AAPL'"),
        ({"kind": "positions", "file": "nowhere.csv"}, "file 'nowhere.csv' not found"),
        ({"kind": "top_by_market_cap", "count": 10, "exit_rank": 9}, "exit_rank: 9 is less than count 10"),
        ({"kind": "top_by_market_cap"}, "required, but missing"),
    ],
)
def test_a_source_that_is_wrong_says_so(source, message) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping({"kind": "book", "name": "b", "source": source}, BookSpec)


def test_tickers_that_look_like_booleans_are_strings(write) -> None:
    text = "kind: book\nname: b\nsource: {kind: fixed, tickers: [ON, NO, Y]}\n"
    assert load(write("book.yaml", text), BookSpec).source.tickers == ("ON", "NO", "Y")


def test_reading_a_spec_imports_nothing_heavy() -> None:
    code = "import sys, basket, basket.spec; print([m for m in ('pandas', 'scipy', 'duckdb') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_count_overrides_the_screens(planted, write) -> None:
    assert len(held(planted, write, "selection: {count: 6}\n")) == 6


def test_at_most_so_many_of_a_sector(planted, write) -> None:
    found = held(planted, write, "selection: {max_per_sector: 1, count: 3}\n")
    assert len(set(planted.securities.loc[sorted(found), "sector"])) == 3


def test_one_line_of_a_company_unless_more_are_asked_for(planted, write) -> None:
    source = "source: {kind: fixed, tickers: [S09, S10, S11]}\n"
    text = BASKET.replace("screen: screens/wild.yaml\n", source)
    assert set(basket.build(write("b.yaml", text), planted, start="2023-05-10").weights) == {"S09", "S10", "S11"}
    one = basket.build(write("c.yaml", text + "selection: {max_per_issuer: 1}\n"), planted, start="2023-05-10")
    assert set(one.weights) == {"S09", "S10"}
    capped = text + "selection: {max_per_issuer: 2}\nweights: {scheme: equal, issuer_cap: 0.5}\n"
    made = basket.build(write("d.yaml", capped), planted, start="2023-05-10").weights.iloc[0]
    assert made.to_dict() == pytest.approx({"S09": 0.5, "S10": 0.25, "S11": 0.25})


def test_recent_listings_and_excluded_companies_are_left_out(planted, write) -> None:
    text = BASKET.replace("screen: screens/wild.yaml\n", "source: {kind: fixed, tickers: [S04, S05]}\n")
    assert "S05" in basket.build(write("b.yaml", text), planted, start="2023-05-10").weights
    text += "selection: {min_history_sessions: 252}\n"
    assert "S05" not in basket.build(write("c.yaml", text), planted, start="2023-05-10").weights
    assert "S09" in held(planted, write, "selection: {count: 9}\n")
    assert "S09" not in held(planted, write, "selection: {count: 9, exclude_issuers: [S09]}\n")


def test_merger_targets_are_left_out_while_the_tag_is_valid(planted, write) -> None:
    tags = pd.DataFrame(
        {"ticker": ["S09"], "tag": ["merger_target"], "valid_from": [pd.Timestamp("2023-05-01")],
         "valid_to": [pd.Timestamp("2023-06-10")], "source": ["news"]}
    )  # fmt: skip
    tagged = planted.with_tables(tags=tags)
    assert "S09" in held(planted, write, "")
    made = basket.build(write("b.yaml", BASKET + "selection: {max_borrow_fee: 1.0}\n"), tagged, start="2023-05-10")
    assert made.weights.loc["2023-05-10", "S09"] == 0
    assert made.weights.loc["2023-06-16", "S09"] > 0


def test_a_name_that_rose_too_fast_is_left_out(planted, write) -> None:
    view = planted.as_of("2023-05-09")
    rise = pd.Series(view.closes(22)[-1] / view.closes(22)[0] - 1, index=view.tickers)
    limit = rise[NAMES].nlargest(2).iloc[-1] - 1e-9
    fast = set(rise.index[rise >= limit])
    assert not fast & held(planted, write, f"selection: {{count: 9, max_return_21: {limit:.12f}}}\n")


def test_crowded_names_are_left_out_by_each_measure(planted, write) -> None:
    """Half of S09's float is short, 45 days of volume; of the others little; S08 has no figure and passes."""
    crowd = pd.DataFrame(
        {"ticker": NAMES[:8] + NAMES[9:10], "settlement_date": pd.Timestamp("2023-04-14"),
         "published_date": pd.Timestamp("2023-04-25"), "shares_short": [1e6] * 8 + [5e7], "float_shares": 1e8}
    )  # fmt: skip
    short = planted.with_tables(short_interest=crowd)
    base = "selection: {count: 8, max_borrow_fee: 1.0%s}\n"
    assert {"S08", "S09"} <= held(short, write, base % "")
    for limit in ("max_short_of_float: 0.5", "max_days_to_cover: 10"):
        found = held(short, write, base % f", {limit}")
        assert "S09" not in found
        assert "S08" in found
    # On 21 April the figure was not out yet.
    assert "S09" in held(short, write, base % ", max_short_of_float: 0.5", start="2023-04-24")
    score = REGISTRY["squeeze_score"](short.as_of("2023-05-09")).value
    limit = np.sort(score[np.isfinite(score)])[-2]
    out = {NAMES[i] for i in np.flatnonzero(score[:12] >= limit)}
    assert out
    assert not out & held(short, write, base % f", max_squeeze_percentile: {limit - 1e-9:.15f}")


def test_places_left_empty_by_a_limit_are_told(planted, write) -> None:
    text = BASKET + "selection: {count: 6, max_per_sector: 1, max_borrow_fee: 1.0}\n"
    made = basket.build(write("b.yaml", text), planted, start="2023-05-10")
    told = made.events[made.events["event"] == "short_of_names"].iloc[0]
    assert told["value"] == 3
    assert told["detail"].endswith("3 are held: the others' sectors or companies are full")
    with pytest.raises(InfeasibleError, match=r"name cap 20 %.*3 of 6 places are empty: \d+ names were passed over"):
        basket.build(write("c.yaml", text + "weights: {scheme: equal, name_cap: 0.2}\n"), planted, start="2023-05-10")
    notes = trade_list(write("b.yaml", text), planted, "2023-05-10", 1e6).notes
    assert any(note.startswith("short_of_names: ") for note in notes)


def test_lines_of_a_company_share_its_cap_as_the_other_caps_allow(planted, write) -> None:
    """In proportion 1 to 3 S10 could have an eighth at most, and 3 × 0.26 + 0.125 would not add up."""
    source = "source: {kind: fixed, weights: {S00: 0.3, S01: 0.3, S10: 0.1, S11: 0.3}}\n"
    text = BASKET.replace("screen: screens/wild.yaml\n", source) + "selection: {max_per_issuer: 2}\n"
    text += "weights: {scheme: given, name_cap: 0.26, issuer_cap: 0.5}\n"
    made = basket.build(write("b.yaml", text), planted, start="2023-05-10").weights.iloc[0]
    assert made.to_dict() == pytest.approx({"S00": 0.26, "S01": 0.26, "S10": 0.22, "S11": 0.26}, abs=1e-6)


def test_borrowable_shares_and_liquidity_limit_the_weight(planted, write) -> None:
    view = planted.as_of("2023-06-15")
    at = {name: planted.tickers.get_loc(name) for name in NAMES}
    text = (
        "kind: basket\nname: b\nsource: {kind: fixed, tickers: [S00, S04, S08]}\nschedule: {frequency: once}\n"
        "weights: {scheme: equal, borrow: {notional: 1.0e+5, share_of_available: 0.5}}\n"
    )
    made = basket.build(write("b.yaml", text), planted, start="2023-06-16").weights.iloc[0]
    available = 1000 * view.close()[at["S08"]] * 0.5 / 1e5  # 1,000 shares to borrow, half of them at most
    assert made["S08"] == pytest.approx(min(available, 1 / 3))
    thin = text.replace(
        "weights: {scheme: equal, borrow: {notional: 1.0e+5, share_of_available: 0.5}}",
        "weights: {scheme: liquidity_capped, liquidity: {notional: 3.0e+8, participation: 0.1, days: 5}}",
    )
    built = basket.build(write("c.yaml", thin), planted, start="2023-06-16")
    made = built.weights.iloc[0]
    limit = 0.1 * 5 * view.dollar_volume(20)[at["S08"]] / 3e8
    assert limit < 1 / 3
    assert made["S08"] == pytest.approx(limit)
    # The volume is that of the capacity table: what binds there takes five days here.
    days = capacity_table(view, made, 3e8)["days_to_trade"]
    assert days["S08"] == pytest.approx(5.0)
    assert days.max() <= 5.0 + 1e-9
    with pytest.raises(InfeasibleError, match=r"with 3 names this rule cannot hold: 10 % of volume for 5 days"):
        basket.build(write("d.yaml", thin.replace("3.0e+8", "3.0e+11")), planted, start="2023-06-16")


def test_corporate_actions_from_a_file(planted, write) -> None:
    write("actions.csv", "date,ticker,action,into,ratio,cash\n2023-06-20,S01,cash_merger,,,1000\n")
    text = (
        "kind: basket\nname: b\nsource: {kind: fixed, tickers: [S00, S01]}\nschedule: {frequency: once}\n"
        "level: {actions: actions.csv, initial: 1000, on_delete: cash}\n"
    )
    made = basket.build(write("b.yaml", text), planted, start="2023-06-16")
    price = planted.as_of("2023-06-16").close()
    paid = 500 / price[planted.tickers.get_loc("S01")] * 1000
    now, then = planted.as_of("2023-06-30").close()[0], price[0]
    assert made.level.iloc[0] == 1000
    assert made.level.iloc[-1] == pytest.approx(500 / then * now + paid)
    write("actions.csv", "date,ticker\n2023-06-20,S01\n")
    with pytest.raises(DataError, match=r"corporate actions lack the column\(s\) action"):
        basket.build(write("b.yaml", text), planted, start="2023-06-16")


def test_betas_are_those_of_numpy() -> None:
    rng = np.random.default_rng(2)
    market = rng.normal(0, 0.01, 200)
    returns = np.column_stack((1.3 * market + rng.normal(0, 0.01, 200), rng.normal(0, 0.01, 200)))
    returns[:60, 1] = np.nan
    expected = [np.polyfit(market, returns[:, 0], 1)[0], np.polyfit(market[60:], returns[60:, 1], 1)[0]]
    np.testing.assert_allclose(betas(returns, market), expected)
    assert np.isnan(betas(returns[:100], market[:100])).all()


def test_exposures_are_standardised_over_the_stocks(planted) -> None:
    known = exposures(planted.as_of("2023-06-15"))
    stocks = planted.as_of("2023-06-15").is_stock() & np.isfinite(known["size"])
    assert known["size"][stocks].mean() == pytest.approx(0, abs=1e-12)
    assert known["size"][stocks].std() == pytest.approx(1)
    assert known["size"][0] == known["size"][stocks].max()
    assert np.isnan(known["value"]).all()  # no facts, no book value
    weights = np.zeros(len(planted.tickers))
    weights[[0, 1]] = 0.5
    assert of_portfolio(known["beta"], weights) == pytest.approx(known["beta"][:2].mean())
    assert sector_weights(planted.as_of("2023-06-15").sector(), weights) == {"Energy": 0.5, "Industrials": 0.5}
