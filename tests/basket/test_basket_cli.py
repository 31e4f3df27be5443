"""The basket command on the shipped sample: what a desk types, and what it types wrongly."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import market
from backtest import cli
from backtest.desk import desk

CONFIGS = Path(__file__).parents[2] / "configs"
FLAGSHIP, MEGA_CAP = CONFIGS / "baskets/low_quality.yaml", CONFIGS / "books/mega_cap.yaml"
DAY = "2024-01-22"
ORDER_COLUMNS = [
    "date", "basket", "ticker", "side", "shares", "price", "notional", "held", "target", "adv_share", "limit_shares",
    "days_to_trade", "cost_bps", "cost_usd", "borrow_fee", "available_shares", "flags",
]  # fmt: skip
SIDES = {"sell_short": -1, "sell": -1, "buy": 1, "buy_to_cover": 1}


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.fixture(scope="module")
def run(data):
    """The command line in this process, on a market opened once."""
    app, runner = cli.application(["basket"]), CliRunner()

    def typed(*words: object):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(market, "open", lambda name: data)
            return runner.invoke(app, ["basket", *(str(word) for word in words), "--quiet"])

    return typed


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_without_a_book_nothing_is_left_out_and_the_output_says_so(run) -> None:
    alone = run(FLAGSHIP, "--as-of", DAY, "--json", "-")
    assert alone.exit_code == 0, alone.output
    found = json.loads(alone.stdout)
    names = {row["ticker"] for row in found["constituents"]}
    assert "AMZN" in names
    assert any("no long book was given" in note for note in found["notes"])
    hedged = json.loads(run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--json", "-").stdout)
    assert not {"AMZN", "NVDA", "GOOGL"} & {row["ticker"] for row in hedged["constituents"]}
    assert not any("no long book" in note for note in hedged["notes"])
    assert "note: no long book was given" in run(FLAGSHIP, "--as-of", DAY).stdout


def test_the_json_promised_by_the_interface(run) -> None:
    found = json.loads(run(FLAGSHIP, "--as-of", DAY, "--notional", "25e6", "--json", "-").stdout)
    assert found["as_of"] == DAY
    promised = {"ticker", "weight", "shares", "notional", "adv_share", "days_to_trade", "borrow_fee", "flags"}
    assert all(promised <= set(row) for row in found["constituents"])
    assert found["next_rebalance"] == {"session": "2024-04-19", "signal": "2024-04-18"}
    assert found["capacity_usd"] == found["capacity"]["five_days"] > 1e8
    assert found["capacity"]["impact_10bps"] < found["capacity"]["impact_50bps"]
    assert sum(row["weight"] for row in found["constituents"]) == pytest.approx(1.0)
    assert sum(row["notional"] for row in found["constituents"]) == pytest.approx(-25e6, abs=1500)
    assert found["net_cash_usd"] == pytest.approx(25e6, abs=1500)


def test_the_orders_as_an_order_system_reads_them(run, tmp_path) -> None:
    path = tmp_path / "orders.csv"
    assert run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--csv", path).exit_code == 0
    rows = list(csv.DictReader(path.open()))
    assert list(rows[0]) == ORDER_COLUMNS
    for row in rows:
        assert row["side"] in SIDES
        assert row["shares"] == str(int(row["shares"]))
        assert int(row["shares"]) > 0
        assert int(row["held"]) + SIDES[row["side"]] * int(row["shares"]) == int(row["target"])
        assert float(row["notional"]) == pytest.approx(int(row["shares"]) * float(row["price"]), abs=0.01)
        assert int(row["limit_shares"]) > 0
        assert row["date"] == DAY
    shown = run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--csv", "-")
    assert list(csv.DictReader(io.StringIO(shown.stdout))) == rows


def test_orders_go_from_what_is_held_and_bring_it_to_the_target(run, tmp_path) -> None:
    first = json.loads(run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--json", "-").stdout)
    kept = {row["ticker"]: row["shares"] for row in first["constituents"]}
    held = dict(list(kept.items())[:-3]) | {"F": -1000, "KO": 500}
    path = written(tmp_path, "held.csv", "ticker,shares\n" + "".join(f"{t},{s}\n" for t, s in held.items()))
    told = run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--from", path, "--json", "-")
    assert told.exit_code == 0, told.output
    orders = {row["ticker"]: row for row in json.loads(told.stdout)["orders"]}
    after = dict(held)
    for name, row in orders.items():
        after[name] = after.get(name, 0) + SIDES[row["side"]] * row["shares"]
    want = {row["ticker"]: row["shares"] for row in json.loads(told.stdout)["constituents"]}
    assert {name: shares for name, shares in after.items() if shares} == want
    assert orders["F"]["side"] == "buy_to_cover"
    assert orders["KO"]["side"] == "sell"


def test_the_daily_sheet_is_that_of_the_basket_a_run_builds(run, data) -> None:
    told = run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--daily", "--json", "-")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    sheet = found["daily"]
    assert (sheet["before"], sheet["as_of"]) == ("2024-01-19", DAY)
    import basket

    book = basket.build(MEGA_CAP, data, end=DAY)
    built = basket.build(FLAGSHIP, data, end=DAY, exclude=book, book=book)
    assert {row["ticker"] for row in sheet["names"]} == set(built.held_on("2024-01-19").index)
    totals = sheet["totals"]
    assert totals["pnl"] + totals["dividend"] == pytest.approx(-25e6 * built.returns.loc[DAY], rel=1e-9)
    # A weekend: three days of a fee of 30 bp on 25 m, at most a little more where a name costs more to borrow.
    assert totals["borrow"] == pytest.approx(-25e6 * 0.003 * 3 / 360, rel=0.2)
    both = built.returns.index.intersection(book.returns.index)
    x, y = built.returns.loc[both].to_numpy()[-253:-1], book.returns.loc[both].to_numpy()[-253:-1]
    assert sheet["ratio"]["now"] == pytest.approx(np.cov(x, y)[0, 1] / x.var(ddof=1), rel=1e-9)
    assert 0 < sheet["ratio"]["held"] < 2
    shown = run(FLAGSHIP, "--as-of", DAY, "--book", MEGA_CAP, "--daily").stdout
    assert "hedge ratio" in shown
    assert "ex-date" in shown
    assert "a renewal on today's data" in shown


def test_the_daily_sheet_of_a_file(run, tmp_path) -> None:
    path = written(tmp_path, "held.csv", "ticker,shares\nUAL,-20000\nMU,-3000\n")
    mine = written(tmp_path, "b.yaml", "kind: basket\nname: b\nsource: {kind: fixed, tickers: [UAL, MU, KO]}\n")
    found = json.loads(run(mine, "--as-of", DAY, "--daily", "--from", path, "--json", "-").stdout)
    sheet = found["daily"]
    # Closes of 19 and 22 January 2024: 38.85 and 38.45, 87.50 and 89.24.
    pnl = {row["ticker"]: row["pnl"] for row in sheet["names"]}
    assert pnl == pytest.approx({"UAL": 20000 * (38.82 - 38.45), "MU": 3000 * (87.5 - 89.24)}, rel=0.02)
    assert sheet["not_held"] == pytest.approx({"KO": 1 / 3})
    assert sheet["ratio"]["now"] is None
    assert "364 days" in sheet["expected_from"]
    assert found["notional"] == pytest.approx(20000 * 38.45 + 3000 * 89.24, rel=1e-3)
    shown = run(mine, "--as-of", DAY, "--daily", "--from", path).stdout
    assert "not held: 1 name the rulebook bought last (KO)" in shown
    assert "no announcement calendar is read" in shown


def test_the_line_of_a_company_that_is_held_stays(data) -> None:
    """GOOG or GOOGL: whichever the book holds is traded on, and the other is not bought for a day's volume."""
    from basket.orders import trade_list

    for line, other in (("GOOG", "GOOGL"), ("GOOGL", "GOOG")):
        made = trade_list(MEGA_CAP, data, DAY, holdings=pd.Series({line: 10_000.0, "AAPL": 10_000.0}))
        assert line in set(made.constituents["ticker"])
        assert other not in set(made.orders["ticker"])


def test_on_a_signal_session_the_books_own_decision_counts(data) -> None:
    """The book decides on Thursday what it buys on Friday; a list made on Thursday leaves those companies out."""
    import basket

    book = basket.build(MEGA_CAP, data)
    changed = [
        (signal, set(now.index[now > 0]) - set(before.index[before > 0]))
        for signal, (_, before), (_, now) in zip(
            book.signal_sessions.iloc[1:], book.weights.iloc[:-1].iterrows(), book.weights.iloc[1:].iterrows(),
            strict=True,
        )
        if set(now.index[now > 0]) - set(before.index[before > 0])
    ]  # fmt: skip
    signal, came = next((s, c) for s, c in changed if s > pd.Timestamp("2020-01-01"))
    listed = {"kind": "basket", "name": "b", "source": {"kind": "fixed", "tickers": [*sorted(came), "KO", "XOM"]}}
    from basket.spec import BasketSpec
    from screens.loading import from_mapping

    made = desk(from_mapping(listed, BasketSpec), data, signal, 1e6, book=MEGA_CAP)
    assert not came & set(made.trades.constituents["ticker"])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--notional", "0"), 2, "notional: 0 is no size; give USD above 0"),
        (("--notional", "-3"), 2, "notional: -3 is no size"),
        (("--as-of", "2024-01-15"), 2, "2024-01-15 is not a session of the exchange"),
        (("--as-of", "2031-01-02"), 3, "outside the data (2018-01-02 to"),
        (("--as-of", "2024-02-30"), 2, "is not a date; write it as 2024-01-31"),
        (("--from", "nowhere.csv"), 2, "nowhere.csv: there is no such file"),
        (("--book", FLAGSHIP), 2, "expected a book, found kind basket"),
        (("--lot", "0"), 2, "lot: 0 is no lot size"),
        (("--csv", "-", "--json", "-"), 2, "give --csv a file, or leave --json out"),
        (("--csv", "nowhere/orders.csv"), 2, "there is no directory nowhere"),
        (("--as-of", "2018-01-02", "--daily"), 3, "there is no session before it"),
        (("--as-of", "2018-01-05"), 4, "0 names qualify of 40 wanted"),
    ],
)  # fmt: skip
def test_mistakes_are_told_early_with_the_right_exit_code(run, words, code, message) -> None:
    told = run(FLAGSHIP, *words)
    assert told.exit_code == code
    assert message in told.output
    assert "Traceback" not in told.output


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("source: {kind: fixed, tickers: [NVDA, MSFTT]}", 2, "unknown ticker MSFTT; did you mean MSFT"),
        ("source: {kind: fixed, weights: {NVDA: 0.5, MSFT: 0.4}}", 2, "weights sum to 0.9, not to 1"),
        ("source: {kind: fixed, tickers: [NVDA, MSFT, AAPL]}\nweights: {scheme: equal, name_cap: 0.3}", 2,
         "name_cap: 0.3 cannot hold 3 names at a sum of 1"),
        ("source: {kind: fixed, tickers: [NVDA, MSFT, AAPL]}\nweights: {scheme: cap, sector_cap: 0.5}", 4,
         "with 3 names this rule cannot hold: sector cap 50 %"),
        ("source: {kind: fixed, tickers: [NVDA, KO]}\ntargets: [{exposure: beta, relative_to: book, within: 0.1}]", 2,
         "give --book on the command line"),
        (("source: {kind: fixed, tickers: [NVDA, KO, XOM]}\nweights: {scheme: equal, name_cap: 0.4, sector_cap: 0.4}\n"
         "targets: [{exposure: beta, target: 3.0, within: 0.1}]"), 4, "this rule cannot hold: beta 3 ± 0.1"),
    ],
)  # fmt: skip
def test_baskets_that_cannot_be(run, tmp_path, text, code, message) -> None:
    told = run(written(tmp_path, "b.yaml", f"kind: basket\nname: b\n{text}\n"), "--as-of", DAY)
    assert told.exit_code == code
    assert message in told.output


def test_every_bad_row_of_the_holdings_is_told_with_its_line(run, tmp_path) -> None:
    path = written(tmp_path, "held.csv", "ticker,shares\nUAL,-100\nUALL,-5\nF,many\nUAL,3\n")
    told = run(FLAGSHIP, "--from", path)
    assert told.exit_code == 2
    assert "held.csv:3: UALL: unknown ticker (did you mean 'UAL'?)" in told.output
    assert "held.csv:4: F: shares 'many' is not a number" in told.output
    assert "held.csv:5: UAL: stands there twice" in told.output


def test_the_rulebook_in_words(run) -> None:
    told = run(FLAGSHIP, "--rulebook")
    assert told.exit_code == 0
    for sentence in (
        "low_quality: a basket held short",
        "ai_beta(factor=SMH, half_life=63, market=SPY, window=252) >= percentile 0.5",
        "40 names: in at rank 32 or better, held to rank 60, then filled by rank",
        "no sector above 40 % at a rebalance",
        "renewed quarterly (Jan, Apr, Jul, Oct) on the third Friday",
        "out at a borrow fee of 3.00% a year or more",
    ):
        assert sentence in told.stdout
    for path in (*CONFIGS.glob("baskets/*.yaml"), *CONFIGS.glob("books/*.yaml")):
        sections = json.loads(run(path, "--rulebook", "--json", "-").stdout)["rulebook"]
        assert {"Schedule", "Weights", "Level"} <= set(sections)
