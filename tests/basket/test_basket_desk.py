from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import basket
from basket.book import read_holdings
from basket.capacity import annual_impact_bps, basket_capacity, days_to_trade, notional_at_impact
from basket.daily import daily_sheet
from basket.decision import decide
from basket.flags import expected_dividends, expected_earnings
from basket.lots import round_to_lots, target_shares
from basket.orders import trade_list
from basket.spec import BasketSpec
from basket.trading_cost import half_spread, impact
from market.errors import ConfigError, DataError
from market.market import planted as plant
from screens.loading import from_mapping

BASKET = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"
LIST = from_mapping(
    {"kind": "basket", "name": "pair", "source": {"kind": "fixed", "tickers": ["S00", "S01"]}}, BasketSpec
)


def test_capacity_is_that_of_the_tightest_name() -> None:
    weights, adv = np.array([0.5, 0.25, 0.25]), np.array([100e6, 20e6, 80e6])
    # A tenth of the volume for five days is half of it: 50, 10 and 40 m, over the weights 100, 40 and 160 m.
    assert basket_capacity(weights, adv) == pytest.approx(40e6)
    assert days_to_trade(40e6 * weights, adv).max() == pytest.approx(5.0)
    assert basket_capacity(weights, np.array([100e6, np.nan, 80e6])) == 0.0


def test_impact_by_hand_and_the_notional_at_which_it_is_reached() -> None:
    # 1 m of 100 m ADV at 2 % a day: 0.02 · √0.01.
    assert impact(np.array([1e6]), np.array([1e8]), np.array([0.02]))[0] == pytest.approx(0.002)
    assert impact(np.array([1e9]), np.array([1e8]), np.array([0.02]))[0] == pytest.approx(0.02)  # at most all of it
    weights, adv, sigma = np.array([0.6, 0.4]), np.array([2e8, 1e8]), np.array([0.02, 0.03])
    # One-way turnover of 2 a year is 4 traded: each quarter a name trades its whole weight.
    by_hand = 4 * (0.6 * 0.02 * np.sqrt(0.6e7 / 2e8) + 0.4 * 0.03 * np.sqrt(0.4e7 / 1e8)) * 1e4
    assert annual_impact_bps(1e7, weights, adv, sigma, turnover=2.0) == pytest.approx(by_hand)
    size = notional_at_impact(50.0, weights, adv, sigma, turnover=2.0)
    assert annual_impact_bps(size, weights, adv, sigma, turnover=2.0) == pytest.approx(50.0)


def test_half_spreads_by_size() -> None:
    assert (half_spread(np.array([60e9, 20e9, 5e9, 1e9, 0.1e9])) * 1e4).tolist() == pytest.approx([1, 2, 5, 12, 30])


def test_rounding_keeps_the_total_near() -> None:
    rng = np.random.default_rng(4)
    for lot in (1, 100):
        price = rng.uniform(5, 500, 40)
        money = rng.dirichlet(np.ones(40)) * 25e6
        shares = round_to_lots(money, price, lot)
        assert (shares % lot == 0).all()
        assert (np.abs(shares - money / price) <= lot + 1e-9).all()
        assert abs((shares * price).sum() - 25e6) <= price.max() * lot
    assert round_to_lots(np.array([1000.0]), np.array([10.0])).tolist() == [100.0]


def test_the_trade_list_from_nothing(planted, write) -> None:
    made = trade_list(write("b.yaml", BASKET), planted, "2023-05-31", 1e6)
    assert made.constituents["weight"].sum() == pytest.approx(1.0)
    assert (made.constituents["shares"] < 0).all()
    assert made.constituents["notional"].sum() == pytest.approx(-1e6, abs=100)
    assert set(made.orders["side"]) == {"sell_short"}
    assert "S09" not in set(made.orders["ticker"])  # 8 % a year to borrow
    row = made.orders.set_index("ticker").loc["S08"]
    assert row["borrow_fee"] == 0.025
    assert {"hard_to_borrow", "short_of_stock"} <= set(row["flags"])
    view = planted.as_of("2023-05-31")
    i = planted.tickers.get_loc("S08")
    assert row["days_to_trade"] == pytest.approx(row["notional"] / (0.1 * view.dollar_volume(20)[i]))
    told = json.loads(json.dumps(made.as_json(), allow_nan=False))
    assert list(told)[:1] == ["as_of"]
    assert {"ticker", "weight", "shares", "notional", "adv_share", "days_to_trade", "borrow_fee", "flags"} <= set(
        told["constituents"][0]
    )
    assert told["capacity_usd"] > 0


def test_the_trades_from_what_is_held(planted, write, tmp_path) -> None:
    price = pd.Series(planted.as_of("2023-05-31").close(), index=planted.tickers)
    held = write("held.csv", "ticker,shares\nS00,-5000\nS08,100\nS04,-10\n")
    made = trade_list(LIST, planted, "2023-05-31", 2e5, holdings=held).orders.set_index("ticker")
    want = {name: round(1e5 / price[name]) for name in ("S00", "S01")}
    assert made.loc["S00", "side"] == "buy_to_cover"
    assert made.loc["S00", "shares"] == pytest.approx(5000 - want["S00"], abs=1)
    assert made.loc["S01", "side"] == "sell_short"
    assert made.loc["S08", ["side", "shares"]].tolist() == ["sell", 100.0]
    assert made.loc["S04", ["side", "shares"]].tolist() == ["buy_to_cover", 10.0]
    assert np.isnan(made.loc["S08", "borrow_fee"])
    path = tmp_path / "orders.csv"
    trade_list(LIST, planted, "2023-05-31", 2e5, holdings=held).to_csv(path)
    back = pd.read_csv(path)
    assert list(back["ticker"]) == list(made.index)


def test_orders_are_multiples_of_the_lot_whatever_is_held(planted) -> None:
    held = pd.Series({"S00": -137.0, "S01": -4020.0, "S02": -55.0, "S04": 30.0})
    made = trade_list(LIST, planted, "2023-05-31", 3e5, holdings=held, lot=100)
    orders = made.orders.set_index("ticker")
    assert (orders.loc[["S00", "S01"], "shares"] % 100 == 0).all()
    assert orders.loc["S02", ["shares", "target"]].tolist() == [55.0, 0.0]  # closed with its odd shares
    assert orders.loc["S04", "side"] == "sell"
    assert made.constituents["notional"].sum() == pytest.approx(-3e5, abs=100 * orders["price"].max())
    rng = np.random.default_rng(8)
    for lot in (1, 10, 100):
        price, held_now = rng.uniform(5, 300, 30), rng.integers(-4000, 4000, 30).astype(float)
        money = -rng.dirichlet(np.ones(30)) * 1e7 * (rng.random(30) < 0.9)
        after = target_shares(money, held_now, price, lot)
        assert (after <= 0).all()
        same_side = (money < 0) & (held_now <= 0)
        assert ((after - held_now)[same_side] % lot == 0).all()
        assert (after[money == 0] == 0).all()
        assert abs((after * price - money).sum()) <= lot * price.max()


def test_a_trade_across_zero_is_a_long_sale_and_a_short_sale(planted) -> None:
    made = trade_list(LIST, planted, "2023-05-31", 2e5, holdings=pd.Series({"S00": 500.0, "S01": -10.0}))
    rows = made.orders[made.orders["ticker"] == "S00"].set_index("side")
    assert rows.loc["sell", ["held", "target", "shares"]].tolist() == [500.0, 0.0, 500.0]
    assert rows.loc["sell_short", "held"] == 0
    assert rows.loc["sell_short", "target"] == -rows.loc["sell_short", "shares"]
    assert np.isnan(rows.loc["sell", "borrow_fee"])
    assert rows.loc["sell_short", "borrow_fee"] > 0
    # The long is not an incumbent of the short basket.
    assert made.constituents["shares"].lt(0).all()


def test_the_figures_of_an_order_by_hand(planted) -> None:
    row = trade_list(LIST, planted, "2023-05-31", 4e6).orders.set_index("ticker").loc["S00"]
    panel, i = planted.panel(), planted.tickers.get_loc("S00")
    t = panel.row(pd.Timestamp("2023-05-31"))
    traded = panel.close[t - 19 : t + 1, i] * panel.volume[t - 19 : t + 1, i]
    adv = np.median(traded)
    returns = panel.close[t - 62 : t + 1, i] / panel.close[t - 63 : t, i] - 1
    money = row["shares"] * panel.close[t, i]
    assert row["notional"] == pytest.approx(money)
    assert row["adv_share"] == pytest.approx(money / adv)
    assert row["days_to_trade"] == pytest.approx(money / (0.1 * adv))
    assert row["limit_shares"] == np.floor(0.1 * adv / panel.close[t, i])
    # 130 bn USD of capitalisation: 1 bp of half-spread, half a basis point of commission, and the root of the share.
    cost = 1e-4 + 0.5e-4 + returns.std(ddof=1) * np.sqrt(money / adv)
    assert row["cost_bps"] == pytest.approx(1e4 * cost)
    assert row["cost_usd"] == pytest.approx(cost * money)


def test_without_a_notional_the_size_is_what_is_held(planted, write) -> None:
    held = pd.Series({"S00": -1000.0, "S08": -300.0})
    price = pd.Series(planted.as_of("2023-05-31").close(), index=planted.tickers)
    worth = 1000 * price["S00"] + 300 * price["S08"]
    made = trade_list(LIST, planted, "2023-05-31", holdings=held)
    assert made.notional == pytest.approx(worth)
    assert made.constituents["notional"].sum() == pytest.approx(-worth, abs=price.max())
    assert abs(made.net_cash_usd) <= price.max()  # rounding leaves less than a share's worth of cash
    assert any("no notional was given" in note for note in made.notes)
    assert trade_list(LIST, planted, "2023-05-31").notional == 25e6
    shorts = write("w.csv", "ticker,weight\nS00,-0.5\nS01,-0.5\n")
    assert trade_list(LIST, planted, "2023-05-31", 1e6, holdings=shorts).orders.empty
    small = trade_list(LIST, planted, "2023-05-31", 10.0)
    assert any("2 of 2 names get no shares" in note for note in small.notes)


def test_what_cannot_be_left_out_is_said(planted, write) -> None:
    told = trade_list(write("b.yaml", BASKET), planted, "2023-05-31", 1e6).notes
    assert "names tagged merger_target cannot be left out: the data hold no such tags" in told


def test_a_csv_of_orders_holds_no_formula(planted) -> None:
    made = trade_list(LIST, planted, "2023-05-31", 1e6)
    for wicked in ("=1+2", "+A1", "-B2", "@SUM(A1)", "\t=1", "\r=1"):
        rows = made.orders.assign(ticker=[wicked, "S01"], days_to_trade=np.inf)
        table = list(csv.reader(io.StringIO(replace(made, orders=rows).csv_text())))
        assert [row[2] for row in table[1:]] == ["'" + wicked.strip(), "S01"]
        assert [row[11] for row in table[1:]] == ["", ""]  # unknown, not inf


def test_a_basket_already_held_needs_no_trades(planted) -> None:
    first = trade_list(LIST, planted, "2023-05-31", 2e5)
    held = first.orders.set_index("ticker")["target"]
    assert trade_list(LIST, planted, "2023-05-31", 2e5, holdings=held).orders.empty
    quoted_long = trade_list(LIST, planted, "2023-05-31", 2e5, holdings=-held)
    assert quoted_long.orders.empty
    assert "read as a basket quoted long" in quoted_long.notes[0]


def test_incumbents_keep_their_place(planted, write) -> None:
    path = write("b.yaml", BASKET)
    rank = pd.Series(decide(path, planted, "2023-05-31").pool.rank, index=planted.tickers)

    def names(incumbent: str) -> set[str]:
        held = pd.Series({incumbent: -100.0})
        return set(trade_list(path, planted, "2023-05-31", 1e6, holdings=held).constituents["ticker"])

    fresh = set(rank.index[rank <= 4])
    inside, outside = rank.index[rank == 6][0], rank.index[rank == 7][0]
    assert names(inside) == fresh - {rank.index[rank == 4][0]} | {inside}
    assert names(outside) == fresh


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"notional": 0.0}, "notional: 0 is no size; give USD above 0"),
        ({"as_of": "2023-05-29"}, "2023-05-29 is not a session of the exchange; .* the next one 2023-05-30"),
        ({"lot": 0}, "lot: 0 is no lot size"),
        ({"holdings": pd.Series({"S98": 1.0})}, "unknown ticker S98; did you mean"),
    ],
)
def test_bad_requests_for_a_trade_list(planted, options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        trade_list(LIST, planted, **{"as_of": "2023-05-31", "notional": 1e6, **options})


def test_a_day_outside_the_data_is_missing_data(planted) -> None:
    with pytest.raises(DataError, match=r"2023-07-10 is outside the data \(2022-01-03 to 2023-06-30\)"):
        trade_list(LIST, planted, as_of="2023-07-10", notional=1e6)


def test_every_bad_row_of_a_holdings_file_is_told(planted, write) -> None:
    text = 'ticker,shares\nS00,100\nS000,5\nS01,many\nS00,7\n,3\nS02,0\nS03,"1,500"\n'
    with pytest.raises(ConfigError) as error:
        read_holdings(write("held.csv", text), set(planted.tickers))
    told = [(p.line, p.path, p.message) for p in error.value.problems]
    assert told == [
        (3, "S000", "unknown ticker (did you mean 'S00'?)"),
        (4, "S01", "shares 'many' is not a number"),
        (5, "S00", "stands there twice; add the positions up"),
        (6, "ticker", "the ticker is empty"),
        (7, "S02", "shares 0 is no position"),
    ]
    for wrong, message in (
        ("ticker,size\nS00,1\n", "expected the columns ticker and either shares or weight; found ticker, size"),
        ("ticker,weight\nS00,60\nS01,40\n", "the weights sum to 100, not to 1; they look like percentages"),
        ("ticker,weight\nS00,0.5\nS01,0.4\n", "the weights sum to 0.9, not to 1"),
        ("ticker,shares\n", "no positions; to start from nothing leave the file out"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_holdings(write("bad.csv", wrong), set(planted.tickers))
    with pytest.raises(ConfigError, match="there is no such file"):
        read_holdings("nowhere.csv", set(planted.tickers))


def book_of(write, csv: str, **options) -> object:
    write("held.csv", csv)
    extra = "".join(f", {key}: {value}" for key, value in options.items())
    return write("book.yaml", f"kind: book\nname: mine\nsource: {{kind: positions, file: held.csv{extra}}}\n")


def test_positions_in_shares_are_held_through_splits_without_trading(planted, write) -> None:
    # S03 splits two for one on 2023-02-01: 200 shares of today were 100 before.
    made = basket.build(book_of(write, "ticker,shares\nS00,100\nS03,200\nS08,-10\n"), planted, start="2022-12-01")
    price = pd.Series(planted.as_of("2022-12-01").close(), index=planted.tickers)
    worth = pd.Series({"S00": 100 * price["S00"], "S03": 100 * price["S03"], "S08": -10 * price["S08"]})
    assert made.weights.iloc[0].to_dict() == pytest.approx((worth / worth.sum()).to_dict())
    np.testing.assert_allclose(made.turnover.iloc[1:], 0.0, atol=1e-12)
    panel = planted.panel()
    last = {name: panel.close[-1, panel.column(name)] for name in worth.index}
    value = 100 * last["S00"] + 200 * last["S03"] - 10 * last["S08"]
    assert made.price_level.iloc[-1] == pytest.approx(100 * value / worth.sum(), rel=1e-12)


def test_positions_as_constant_weights(planted, write) -> None:
    path = book_of(write, "ticker,weight\nS00,0.7\nS01,0.5\nS02,-0.2\n", hold="weights")
    made = basket.build(path, planted, start="2023-01-10")
    np.testing.assert_allclose(made.weights[["S00", "S01", "S02"]], [[0.7, 0.5, -0.2]] * len(made.weights))
    path = book_of(write, "ticker,shares\nS00,10\nS01,10\n", hold="weights", as_of="2023-03-01")
    shares = basket.build(path, planted, start="2023-01-10")
    price = pd.Series(planted.as_of("2023-03-01").close(), index=planted.tickers)
    assert shares.weights["S00"].iloc[0] == pytest.approx(price["S00"] / (price["S00"] + price["S01"]))


def test_the_daily_sheet_adds_up(planted, write) -> None:
    path = write("b.yaml", BASKET)
    built = basket.build(path, planted, start="2023-01-10")
    day = "2023-04-17"  # a Monday, S03's ex-date
    made = daily_sheet(path, planted, day, 1e6, built=built)
    assert f"{made.before:%Y-%m-%d}" == "2023-04-14"
    returns = built.returns.loc[day]
    totals = made.totals()
    assert totals["pnl"] + totals["dividend"] == pytest.approx(-1e6 * returns)
    assert totals["borrow"] == pytest.approx(
        -(np.abs(made.names["weight_before"]) * 1e6 * 3 / 360 * 0.003).sum(), rel=0.5
    )
    assert made.names["weight"].sum() == pytest.approx(1.0)
    np.testing.assert_allclose(made.names["weight"], built.drifted_weights().loc[day, made.names.index], atol=1e-12)
    json.dumps(made.as_json(), allow_nan=False)


def test_the_daily_sheet_of_a_holdings_file_is_in_its_own_money(planted, write) -> None:
    held = write("held.csv", "ticker,shares\nS00,-100\nS03,-200\nS02,50\n")
    ratios = pd.Series([0.8, 0.9], index=pd.to_datetime(["2023-01-31", "2023-02-01"]))
    built = basket.build(LIST, planted, start="2023-01-10")
    made = daily_sheet(LIST, planted, "2023-02-01", holdings=held, built=built, ratios=ratios, held_ratio=0.75)
    panel = planted.panel()
    before, now = (panel.row(pd.Timestamp(day)) for day in ("2023-01-31", "2023-02-01"))
    close = {name: panel.close[[before, now], panel.column(name)] for name in ("S00", "S02", "S03")}
    # 200 shares after the split of the day were 100 the day before.
    start = {"S00": -100 * close["S00"][0], "S03": -100 * close["S03"][0], "S02": 50 * close["S02"][0]}
    end = {"S00": -100 * close["S00"][1], "S03": -200 * close["S03"][1], "S02": 50 * close["S02"][1]}
    net = -sum(start.values())
    assert made.notional == pytest.approx(net)
    for name in start:
        row = made.names.loc[name]
        assert row["pnl"] == pytest.approx(end[name] - start[name])
        assert row["weight_before"] == pytest.approx(-start[name] / net)  # the long is on the other side
        assert row["weight"] == pytest.approx(end[name] / sum(end.values()))
    assert made.names.loc["S02", "borrow"] == 0
    assert made.names.loc["S00", "borrow"] < 0
    # The rulebook holds half of S00 and half of S01.
    assert made.names.loc["S00", "drift"] == pytest.approx(made.names.loc["S00", "weight"] - 0.5)
    assert made.not_held == {"S01": 0.5}
    drift = made.names["drift"].abs().sum() + 0.5
    assert made.totals()["drift"] == pytest.approx(drift / 2)
    assert made.ratio == pytest.approx({"before": 0.8, "now": 0.9, "held": 0.75, "change": 0.1, "from_held": 0.15})
    long = daily_sheet(LIST, planted, "2023-02-01", holdings=write("long.csv", "ticker,shares\nS00,100\n"))
    assert long.names.loc["S00", "pnl"] == pytest.approx(end["S00"] - start["S00"])
    assert "read as a basket quoted long" in long.notes[0]
    json.dumps(made.as_json(), allow_nan=False)


@pytest.mark.parametrize("day", ["2023-03-15", "2023-03-16", "2023-04-03", "2023-04-17", "2023-06-05", "2023-06-27"])
def test_the_sheet_adds_up_on_days_on_which_something_happens(planted, write, day) -> None:
    """S07 goes bankrupt on 16 March, S09 becomes S00 on 3 April, S03 pays on the 17th, S08 is paid out on 27 June."""
    write(
        "actions.csv",
        "date,ticker,action,into,ratio,cash\n2023-04-03,S09,stock_merger,S00,0.5,1\n2023-06-05,S03,spin_off,S02,0.1,\n"
        "2023-06-27,S08,cash_merger,,,50\n",
    )
    text = BASKET + "level: {actions: actions.csv}\nselection: {count: 8, max_borrow_fee: 1.0}\n"
    built = basket.build(write("b.yaml", text), planted, start="2023-01-10")
    made = daily_sheet(built.spec, planted, day, 1e6, built=built)
    totals = made.totals()
    assert totals["pnl"] + totals["dividend"] == pytest.approx(-1e6 * built.returns.loc[day], rel=1e-9)
    told = {
        "2023-03-15": (), "2023-03-16": ("S07: bankruptcy; closed out at -55%",),
        "2023-04-03": ("S09: stock merger, 0.5 S00 and 1 USD a share",),
        "2023-04-17": ("S03: dividend of 0.5 USD a share",), "2023-06-05": ("S03: spin off, 0.1 S02 a share",),
        "2023-06-27": ("S08: cash merger, 50 USD a share",),
    }  # fmt: skip
    assert made.happened == told[day]


def test_a_book_with_shorts_has_not_drifted_by_its_gross(planted, write) -> None:
    path = book_of(write, "ticker,shares\nS00,100\nS03,200\nS08,-50\n")
    built = basket.build(path, planted, start="2023-05-19")
    made = daily_sheet(path, planted, "2023-05-22", 1e6, built=built)
    assert made.names["weight_before"].sum() == pytest.approx(1.0)
    assert made.names["bought"].to_list() == pytest.approx(made.names["weight_before"].to_list())
    assert made.notional == pytest.approx(1e6)
    assert made.totals()["pnl"] == pytest.approx(1e6 * built.returns.loc["2023-05-22"])
    # Held half and half there is no net to be a share of.
    even = write("even.csv", "ticker,weight\nS00,0.5\nS01,0.5\n")
    assert daily_sheet(LIST, planted, "2023-05-22", 1e6, holdings=even).names["weight_before"].sum() == pytest.approx(1)
    price = pd.Series(planted.as_of("2023-05-19").close(), index=planted.tickers)
    hedged = write("hedged.csv", f"ticker,shares\nS00,{100 * price['S01']}\nS01,{-100 * price['S00']}\n")
    weights = daily_sheet(LIST, planted, "2023-05-22", holdings=hedged).names["weight_before"]
    assert weights.abs().to_list() == pytest.approx([0.5, 0.5])


def test_before_the_inception_there_is_no_day_to_compare_with(planted, write) -> None:
    built = basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")
    with pytest.raises(DataError, match=r"b is bought on 2023-01-10 at the earliest.*take a later one"):
        daily_sheet(built.spec, planted, "2023-01-10", 1e6, built=built)
    assert len(daily_sheet(built.spec, planted, "2023-01-11", 1e6, built=built).names) == 4
    with pytest.raises(DataError, match="lives from 2023-01-10 to 2023-06-30: nothing is held on 2023-01-09"):
        built.held_on("2023-01-09")


def test_what_is_expected_was_known_on_the_day(planted) -> None:
    """Ex-dates and earnings of the future must not be read: the sheet says the same when there is none."""
    days = pd.to_datetime(["2022-05-10", "2023-05-09", "2023-05-16"])
    known = planted.with_tables(earnings=pd.DataFrame({"ticker": ["S00", "S00", "S01"], "date": days}))
    for day in ("2023-04-28", "2023-05-01", "2023-05-08", "2023-05-09"):
        view, cut = known.as_of(day), known.cut(day).as_of(day)
        pd.testing.assert_series_equal(expected_earnings(view), expected_earnings(cut))
        pd.testing.assert_series_equal(expected_dividends(view), expected_dividends(cut))
    # 364 days after 10 May 2022; that S01 announces on the 16th nobody knew.
    assert expected_earnings(known.as_of("2023-05-01")).to_dict() == {"S00": pd.Timestamp("2023-05-09")}


def test_ex_dates_expected_are_those_of_a_year_before(planted) -> None:
    # Ex-dates 2023-01-17 and 2023-04-17, so nothing is expected within the data; a year on it would be.
    assert expected_dividends(planted.as_of("2023-06-30")).empty


def test_a_store_without_volume_sizes_or_the_market_fund_says_what_it_does_not_know(planted) -> None:
    prices = planted.table("prices")[["date", "ticker", "close"]]
    bare = plant(prices=prices[prices["ticker"] != "SPY"])
    made = trade_list(LIST, bare, "2023-05-31", 1e6)
    row = json.loads(json.dumps(made.as_json(), allow_nan=False))["orders"][0]
    assert (row["adv_share"], row["limit_shares"], row["days_to_trade"]) == (None, None, None)
    assert "no_volume" in row["flags"]
    assert "the volume of 2 of 2 names is not known: they count as not tradable" in made.notes
    line = next(csv.DictReader(io.StringIO(made.csv_text())))
    assert (line["limit_shares"], line["adv_share"]) == ("", "")
    assert np.isnan(made.capacity["impact_10bps"])
    unsized = plant(prices=prices)
    target = {"exposure": "size", "target": 0.0, "within": 0.1}
    aimed = from_mapping(
        {"kind": "basket", "name": "b", "source": {"kind": "fixed", "tickers": ["S00", "S01"]}, "targets": [target]},
        BasketSpec,
    )
    with pytest.raises(DataError, match="no name held has a known size"):
        trade_list(aimed, unsized, "2023-05-31", 1e6)
