from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import basket
from basket.spec import BasketSpec, BookSpec
from market.errors import ConfigError, DataError, InfeasibleError
from screens.loading import from_mapping, load

BASKET = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"


def book(**source) -> BookSpec:
    extra = {
        key: source.pop(key) for key in ("weights", "schedule", "selection", "turnover_cap", "level") if key in source
    }
    return from_mapping({"kind": "book", "name": "b", "source": source, **extra}, BookSpec)


@pytest.fixture
def built(planted, write):
    return basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")


def test_sessions_and_signals(built) -> None:
    assert [f"{day:%Y-%m-%d}" for day in built.rebalances] == [
        "2023-01-10", "2023-01-20", "2023-02-17", "2023-03-17", "2023-04-21", "2023-05-19", "2023-06-16",
    ]  # fmt: skip
    assert f"{built.signal_sessions.iloc[1]:%Y-%m-%d}" == "2023-01-19"
    assert built.level.iloc[0] == 100.0
    assert built.returns.index[0] == built.level.index[1]
    np.testing.assert_allclose(built.weights.sum(axis=1), 1.0, atol=1e-12)


def test_names_are_those_of_the_screen_with_its_buffer(built, planted) -> None:
    from screens.screen import evaluate
    from screens.spec import ScreenSpec

    spec = load(built.spec.screen.target, ScreenSpec)
    before: list[str] = []
    for session, signal in built.signal_sessions.items():
        wanted = set(evaluate(spec, planted.as_of(signal)).selected(before))
        got = built.weights.loc[session]
        before = list(got.index[got > 0])
        if session == pd.Timestamp("2023-06-16"):
            wanted = wanted - {"S09"} | {"S04"} if "S09" in wanted else wanted  # its fee of 8 % takes it out
        assert set(before) == wanted


def test_a_delisting_pays_its_default_return_once_and_leaves_nothing_behind(built) -> None:
    ended = built.events[built.events["event"] == "deleted"]
    assert ended[["session", "ticker", "value"]].to_numpy().tolist() == [[pd.Timestamp("2023-03-16"), "S07", -0.55]]
    drifted = built.drifted_weights()
    assert drifted.loc["2023-03-15", "S07"] > 0
    assert (drifted.loc["2023-03-17":, "S07"] == 0).all()
    exit_row = built.exits[built.exits["ticker"] == "S07"].iloc[0]
    assert exit_row["date"] == pd.Timestamp("2023-03-16")
    assert exit_row["reason"] == "bankruptcy; closed at its last value"


def test_the_level_is_that_of_shares_counted_by_hand(built, planted) -> None:
    panel = planted.panel()
    total, previous, shares = 100.0, None, {}
    for t, session in enumerate(panel.sessions):
        if session < built.rebalances[0]:
            continue
        worth = paid = 0.0
        for name in list(shares):
            i = panel.column(name)
            shares[name] *= panel.split[t, i]
            price = panel.close[t, i]
            if np.isnan(price):  # S07: its last close less 55 %, then the money goes to the others
                price = 0.45 * panel.close[t - 1, i]
            worth += shares[name] * price
            paid += shares[name] * panel.dividend[t, i]
        if previous is not None:
            total *= (worth + paid) / previous
        assert built.level.loc[session] == pytest.approx(total, rel=1e-12)
        if "S07" in shares and np.isnan(panel.close[t, panel.column("S07")]):
            del shares["S07"]
            kept = sum(n * panel.close[t, panel.column(name)] for name, n in shares.items())
            shares = {name: n * worth / kept for name, n in shares.items()}
        previous = worth if previous is not None else 100.0
        if session in built.weights.index:
            row = built.weights.loc[session]
            shares = {name: w * previous / panel.close[t, panel.column(name)] for name, w in row[row > 0].items()}
    assert built.level.index[-1] == panel.sessions[-1]


def test_reasons_say_why(built) -> None:
    first = built.entries[built.entries["date"] == built.rebalances[0]]
    assert first["reason"].str.startswith("rank ").all()
    assert set(built.changes["action"]) == {"enter", "exit"}
    left = built.exits[built.exits["reason"].str.contains("rank")]
    assert (left["rank"] > 0).all()


def test_splits_and_dividends_of_what_is_held_are_events(planted) -> None:
    made = basket.build(book(kind="fixed", tickers=["S00", "S03"]), planted, start="2023-01-18")
    told = made.events.set_index(["session", "event"])
    row = told.loc[(pd.Timestamp("2023-02-01"), "split")]
    assert (row["ticker"], row["value"]) == ("S03", 2.0)
    # Half a dollar on 17 April; that of 17 January was before the inception.
    row = told.loc[(pd.Timestamp("2023-04-17"), "dividend")]
    price = planted.as_of("2023-04-14").close()[3]
    assert (row["ticker"], row["value"]) == ("S03", 0.5)
    assert row["detail"] == f"0.5 USD a share, {0.5 / price:.2%} of the last close"
    assert len(told) == 2


@pytest.mark.parametrize(
    ("schedule", "rest"),
    [
        ("frequency: monthly, signal_lag: 1", ""),
        ("frequency: monthly, day: last_session, offset: -3, tranches: 3", "turnover_cap: 0.3\n"),
        ("frequency: custom, dates: [2023-01-31, 2023-03-14, 2023-04-21, 2023-06-20, 2024-01-16]",
         "level: {on_delete: cash}\nselection: {min_hold: 2}\n"),
        ("frequency: monthly, day: first_session, offset: -2",
         ("weights: {scheme: risk_parity, window: 60, name_cap: 0.6}\n"
         "targets: [{exposure: beta, target: 1.0, within: 0.1, priority: 1}]\n")),
    ],
)  # fmt: skip
def test_results_up_to_a_session_do_not_know_what_follows(planted, write, schedule, rest) -> None:
    path = write("b.yaml", BASKET.replace("frequency: monthly, signal_lag: 1", schedule) + rest)
    full = basket.build(path, planted, start="2023-01-10")
    for day in ("2023-03-16", "2023-04-21", "2023-04-27", "2023-05-02"):
        part = basket.build(path, planted.cut(day), start="2023-01-10")
        np.testing.assert_array_equal(part.level.to_numpy(), full.level.loc[:day].to_numpy())
        known = full.weights.loc[:day]
        pd.testing.assert_frame_equal(part.weights, known.loc[:, (known != 0).any()], check_freq=False)
        assert part.level.index[-1] == pd.Timestamp(day)


def test_evaluations_of_the_screen_can_be_shared(built, planted) -> None:
    again = basket.build(built.spec, planted, start="2023-01-10", screened=built.screened)
    np.testing.assert_array_equal(again.level.to_numpy(), built.level.to_numpy())
    assert all(again.screened[day] is built.screened[day] for day in built.screened)


def test_companies_of_the_book_are_left_out_as_known_on_each_date(planted, write) -> None:
    long = basket.build(book(kind="fixed", tickers=["S09", "S11"]), planted, start="2023-01-10")
    short = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10", exclude=long)
    assert not {"S09", "S10", "S11"} & set(short.weights.columns)  # S10 is the other line of S11's company
    same = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10", exclude=["S09", "S10"])
    np.testing.assert_array_equal(same.level.to_numpy(), short.level.to_numpy())


def test_hard_to_borrow_names_are_left_out_from_three_percent(built) -> None:
    # S09's fee of 8 % is dated 2023-05-26: it is held before and gone at the rebalance of 16 June.
    assert built.weights.loc["2023-05-19", "S09"] > 0
    assert built.weights.loc["2023-06-16", "S09"] == 0
    assert "borrow fee of 0.03" in built.exits.set_index("ticker").loc["S09", "reason"]


def test_the_largest_companies_one_line_each(planted) -> None:
    made = basket.build(
        book(kind="top_by_market_cap", index="idx", count=5, weights={"scheme": "cap", "name_cap": 0.25}), planted,
        start="2023-01-10",
    )  # fmt: skip
    assert list(made.weights.columns) == ["S00", "S01", "S02", "S03", "S04", "S05"]
    size = planted.as_of("2023-01-09").market_cap()[:5]
    np.testing.assert_allclose(made.weights.iloc[0, :5], np.minimum(size / size.sum(), 0.25))
    # S02 leaves the index on 2023-03-31 and the book at the rebalance after it.
    assert made.exits.set_index("ticker").loc["S02", "reason"] == "not a member of idx on the date"
    small = basket.build(book(kind="top_by_market_cap", count=11), planted, start="2023-02-10")
    assert "S11" not in small.weights.columns  # S10 trades more


def test_a_fixed_list_and_given_weights(planted) -> None:
    even = basket.build(book(kind="fixed", tickers=["S01", "S04", "S05"]), planted, start="2023-01-10")
    assert even.weights.iloc[0].to_dict() == {"S01": 0.5, "S04": 0.5, "S05": 0.0}  # S05 is not listed yet
    assert even.weights.iloc[-1]["S05"] == pytest.approx(1 / 3)
    with_short = {"kind": "fixed", "weights": {"S01": 0.7, "S04": 0.5, "S08": -0.2}}
    spec = from_mapping({"kind": "book", "name": "b", "source": with_short}, BookSpec)
    given = basket.build(spec, planted, start="2023-01-10")
    assert given.weights.iloc[0].to_dict() == pytest.approx({"S01": 0.7, "S04": 0.5, "S08": -0.2})
    rules = {"weights": {"scheme": "given", "name_cap": 0.7}, "turnover_cap": 0.1}
    capped = from_mapping({"kind": "book", "name": "b", "source": with_short, **rules}, BookSpec)
    with pytest.raises(
        ConfigError, match=r"weights\.name_cap, turnover_cap: does not go with given weights of which some"
    ):
        basket.build(capped, planted, start="2023-01-10")


def test_turnover_cap_is_kept_and_deletions_are_exempt(planted, write) -> None:
    free = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")
    capped = basket.build(write("c.yaml", BASKET + "turnover_cap: 0.05\n"), planted, start="2023-01-10")
    assert free.turnover.iloc[1:].max() > 0.05
    forced = capped.rebalances.isin(pd.to_datetime(["2023-03-17", "2023-04-21", "2023-06-16"]))
    assert capped.turnover[~forced].iloc[1:].max() <= 0.05 + 1e-9
    assert (capped.events["event"] == "turnover_capped").any()


def test_tranches_take_turns(planted, write) -> None:
    one = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")
    three = basket.build(write("c.yaml", BASKET.replace("signal_lag: 1", "signal_lag: 1, tranches: 3")), planted,
                         start="2023-01-10")  # fmt: skip
    np.testing.assert_allclose(three.weights.iloc[0], one.weights.reindex(columns=three.weights.columns).iloc[0])
    np.testing.assert_allclose(three.weights.sum(axis=1), 1.0, atol=1e-12)
    assert three.turnover.iloc[1:].mean() < one.turnover.iloc[1:].mean()


def test_tranches_are_baskets_of_their_own_with_every_third_date(planted, write) -> None:
    # Without S07, whose end would hand its money from one tranche to the others.
    text = BASKET + "selection: {exclude_issuers: [S07]}\n"
    whole = basket.build(
        write("b.yaml", text.replace("signal_lag: 1", "signal_lag: 1, tranches: 3")), planted, start="2023-01-10"
    )
    dates = [f"{day:%Y-%m-%d}" for day in whole.rebalances]
    assert len(dates) == 7
    parts = []
    for turn in range(3):
        mine = ", ".join(dates[1 + turn :: 3])
        custom = text.replace("frequency: monthly", f"frequency: custom, dates: [{mine}]")
        parts.append(basket.build(write(f"{turn}.yaml", custom), planted, start="2023-01-10"))
    together = sum(part.price_level for part in parts) / 3
    np.testing.assert_allclose(whole.price_level, together, rtol=1e-12)
    assert len({tuple(part.price_level) for part in parts}) == 3


def test_a_minimum_hold_lowers_exits(planted, write) -> None:
    short = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")
    text = BASKET + "selection: {min_hold: 6}\n"
    held = basket.build(write("c.yaml", text), planted, start="2023-01-10")
    by_rank = held.exits[held.exits["reason"].str.startswith("rank")]
    assert len(by_rank) == 0
    assert len(short.exits) >= len(held.exits)


def test_sector_and_name_caps_hold_at_every_rebalance(planted, write) -> None:
    text = BASKET + "weights: {scheme: inverse_volatility, window: 60, name_cap: 0.35, sector_cap: 0.5}\n"
    made = basket.build(write("b.yaml", text), planted, start="2023-01-10")
    assert made.weights.to_numpy().max() <= 0.35 + 1e-12
    by_sector = made.weights.T.groupby(planted.securities.loc[made.weights.columns, "sector"]).sum()
    assert by_sector.to_numpy().max() <= 0.5 + 1e-12


@pytest.mark.parametrize("scheme", ["risk_parity", "minimum_variance", "score_tilt", "cap"])
def test_every_scheme_builds(planted, write, scheme) -> None:
    window = ", window: 60" if scheme in ("risk_parity", "minimum_variance") else ""
    text = BASKET + f"weights: {{scheme: {scheme}{window}, name_cap: 0.6}}\n"
    made = basket.build(write("b.yaml", text), planted, start="2023-01-10")
    np.testing.assert_allclose(made.weights.sum(axis=1), 1.0, atol=1e-12)
    assert made.weights.to_numpy().max() <= 0.6 + 1e-9


def test_a_beta_target_relative_to_the_book_is_met(planted, write) -> None:
    from basket.exposures import exposures, of_portfolio

    long = basket.build(book(kind="fixed", tickers=["S00", "S01"]), planted, start="2023-01-10")
    names = ", ".join(f"S{i:02d}" for i in (2, 3, 4, 6, 8, 9, 10))
    text = (
        f"kind: basket\nname: b\nsource: {{kind: fixed, tickers: [{names}]}}\nschedule: {{frequency: monthly}}\n"
        "weights: {scheme: equal, name_cap: 0.6}\ntargets: [{exposure: beta, within: 0.02, relative_to: book}]\n"
    )
    made = basket.build(write("b.yaml", text), planted, start="2023-01-10", book=long)
    for number, signal in enumerate(made.signal_sessions):
        beta = exposures(planted.as_of(signal))["beta"]
        mine = of_portfolio(beta, made.history.weights[number])
        theirs = of_portfolio(beta, long.weights_known_at(signal, planted.tickers))
        assert abs(mine - theirs) < 0.02 + 1e-6
    with pytest.raises(ConfigError, match="relative to the long book need one"):
        basket.build(made.spec, planted, start="2023-01-10")
    late = basket.build(book(kind="fixed", tickers=["S00"]), planted, start="2023-03-10")
    with pytest.raises(DataError, match=r"2023-01-09: the long book .* holds nothing yet; start the basket after"):
        basket.build(made.spec, planted, start="2023-01-10", book=late)


def test_exposures_and_overlap_through_time(built, planted) -> None:
    table = built.exposures()
    assert list(table.columns[:5]) == ["beta", "size", "value", "momentum", "quality"]
    np.testing.assert_allclose(table.filter(like="sector: ").sum(axis=1), 1.0)
    assert built.overlap(built).to_numpy() == pytest.approx(1.0)
    other = basket.build(book(kind="fixed", tickers=["S00"]), planted, start="2023-01-10")
    assert built.overlap(other).max() == 0.0


def test_default_start_is_the_first_rebalance_that_can_hold(planted, write) -> None:
    made = basket.build(write("b.yaml", BASKET), planted)
    # The screen asks for 60 closes, and volatility for a year: nothing ranks before the year's end.
    assert made.rebalances[0] >= pd.Timestamp("2022-04-01")
    assert (made.weights.iloc[0] > 0).sum() >= 1


def test_requests_that_cannot_be_met_are_refused_early(planted, write) -> None:
    path = write("b.yaml", BASKET)
    with pytest.raises(ConfigError, match="start 2031-01-01 is outside the data, which runs 2022-01-03 to 2023-06-30"):
        basket.build(path, planted, start="2031-01-01")
    with pytest.raises(InfeasibleError, match="2022-01-10: 0 names qualify of 4 wanted"):
        basket.build(path, planted, start="2022-01-11")
    with pytest.raises(ConfigError, match=r"unknown ticker S99; did you mean"):
        basket.build(book(kind="fixed", tickers=["S99"]), planted)
    with pytest.raises(ConfigError, match="exclude: unknown S99"):
        basket.build(path, planted, exclude=["S99"])
    with pytest.raises(ConfigError, match="expected a basket or a book, found kind screen"):
        basket.build(write("screens/wild.yaml", (path.parent / "screens/wild.yaml").read_text()), planted)


def test_a_file_with_impossible_caps_is_refused_with_its_line(write) -> None:
    path = write("bad.yaml", BASKET + "weights:\n  scheme: equal\n  name_cap: 0.1\n")
    with pytest.raises(ConfigError) as error:
        load(path, BasketSpec)
    problem = error.value.problems[0]
    assert (problem.line, problem.path) == (7, "weights.name_cap")
    assert problem.message == "0.1 cannot hold 4 names at a sum of 1 (4 × 0.1 = 0.4); needs at least 0.25"


def test_caps_that_fail_on_a_date_name_the_rules(planted, write) -> None:
    text = BASKET + "weights: {scheme: equal, name_cap: 0.3, sector_cap: 0.2}\n"
    with pytest.raises(InfeasibleError, match=r"2023-01-09: with 4 names .*sector cap 20 %"):
        basket.build(write("b.yaml", text), planted, start="2023-01-10")
