"""What a run's config says of its shorts, on the shipped sample: from YAML to terms, accounts and summary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import market
from backtest import frames, pipeline
from backtest.accounts import Accounts
from backtest.dated_values import laid_out, read_values
from backtest.holding_short import holding
from backtest.ledger import replay
from backtest.legs import Legs
from backtest.recall_stress import SEED, recall_stress
from backtest.short_spec import Ban, Liquidity, Margin, Recalls, ShortLimits, Swap
from backtest.short_terms import short_caps
from backtest.simulate import simulate
from backtest.simulate.daily import daily_error
from backtest.spec import Borrow, Cash, Costs, Hedge, RunSpec, ShortLeg, Span
from backtest.terms import liquidity_of, terms
from market.errors import ConfigError, InfeasibleError
from screens.loading import Ref

SPAN = Span(start="2020-01-17", end="2021-12-31")  # both squeezes of that time, and quick to build


@pytest.fixture(scope="module")
def legs(flagship_legs: Legs) -> Legs:
    spec = flagship_legs.spec.model_copy(update={"span": SPAN})
    inside = flagship_legs.sessions[flagship_legs.sessions.slice_indexer(str(SPAN.start), str(SPAN.end))]
    return replace(flagship_legs, spec=spec, sessions=inside)


@pytest.fixture(scope="module")
def path(legs: Legs) -> pd.Series:
    return legs.ratio_path(legs.short.returns)["target"]


def accounts_of(legs: Legs, **changed: object) -> Accounts:
    spec = RunSpec.model_validate({**dict(legs.spec), **changed})
    other = replace(legs, spec=spec)
    return Accounts(other, terms(spec, legs.data, legs.panel))


def csv_at(tmp_path: Path, text: str) -> Ref:
    file = tmp_path / "values.csv"
    file.write_text(text)
    return Ref("values.csv", file)


def dearest(legs: Legs) -> str:
    return str(legs.short.held_on(legs.sessions[0]).index[0])


def test_every_option_is_a_closed_account_in_three_ledgers(legs: Legs, path: pd.Series) -> None:
    """Engine, plain ledger and daily vectorbt agree on the sample whatever the config asks for; parts sum to NAV."""
    for changed in (
        {"implementation": "swap"},
        {"margin": Margin(rules="portfolio", enforce=True, single_name_rate=0.6)},
        {"recalls": Recalls(hazard_per_month=0.5), "cash": Cash(settlement="standard")},
        {"liquidity": Liquidity(participation=0.002, work_sessions=3), "costs": Costs(impact_coefficient=1.0)},
        {"short_limits": ShortLimits(locates=True, uptick_rule=True, max_usd_per_name=1.5e6)},
        {"shorts": (ShortLeg(name="spy", index="SPY", ratio=0.2), ShortLeg(name="iwm", index="IWM", hedge=Hedge()))},
    ):
        hedged = accounts_of(legs, **changed).hedged(path)
        assert replay(hedged.account).error(hedged.nav) < 1e-12, changed
        assert daily_error(hedged) < 1e-11, changed
        assert hedged.identity_error < 1e-12, changed
        change = np.diff(hedged.nav, prepend=legs.spec.initial_nav)
        assert hedged.profit_by_name().sum(axis=1).to_numpy() == pytest.approx(change, abs=1e-4), changed
        by_day = hedged.daily_by_sleeve().groupby("date")["usd"].sum().reindex(hedged.sessions, fill_value=0.0)
        assert by_day.to_numpy() == pytest.approx(change, abs=1e-4), changed


def test_held_by_swap_the_hedge_has_financing_and_no_borrow_line(legs: Legs, path: pd.Series) -> None:
    accounts = accounts_of(legs, implementation="swap", swap=Swap(spread_bps=80, initial_margin=0.3))
    book, hedged = accounts.simulate(), accounts.hedged(path)
    assert hedged.lines["borrow"].abs().max() == 0.0
    told = holding(accounts, path, book, hedged, float(hedged.nav.mean()))["implementation"]
    assert told["held"] == "swap"
    stock = accounts_of(legs).hedged(path)
    assert told["costs_bps_per_year"]["stock"] == pytest.approx(
        frames.costs_bps(frames.carry_frame(book, stock), float(hedged.nav.mean()))
    )
    notional = -hedged.value[:, hedged.sleeves.index("basket")]
    assert told["swap"]["initial_margin_usd"] == pytest.approx(0.3 * notional.max())
    # The worst session's payment is the sleeve's own loss, from its parts.
    lines = hedged.daily_by_sleeve()
    mine = lines[(lines["sleeve"] == "basket") & (lines["kind"] != "trading")].groupby("date")["usd"].sum()
    assert told["swap"]["variation_margin_session_usd"] == pytest.approx(-mine.min())


def test_enforced_margin_calls_are_told_and_cut(legs: Legs, path: pd.Series) -> None:
    accounts = accounts_of(legs, margin=Margin(rules="portfolio", enforce=True, single_name_rate=0.6))
    book, hedged = accounts.simulate(), accounts.hedged(path)
    told = holding(accounts, path, book, hedged, float(hedged.nav.mean()))
    assert told["margin"]["calls"] == int(hedged.called.sum()) > 0
    assert told["liquidity_buffer"]["sessions_below"] == told["margin"]["calls"]
    free = accounts_of(legs).hedged(path)
    assert -hedged.short_value.sum() < -free.short_value.sum()


def test_the_buffer_is_measured_though_nothing_is_enforced(legs: Legs, path: pd.Series) -> None:
    """Retyped: NAV less 25 % of longs and 30 % (5 USD a share) of shorts; its largest fall within 21 sessions."""
    accounts = accounts_of(legs)
    hedged = accounts.hedged(path)
    told = holding(accounts, path, accounts.simulate(), hedged, float(hedged.nav.mean()))
    shares = hedged.positions()
    price = pd.DataFrame(legs.panel.close, index=legs.sessions, columns=legs.panel.tickers).ffill()
    excess = hedged.nav.copy()
    for sleeve, ticker in shares.columns:
        worth = shares[sleeve, ticker] * price[ticker]
        rate = 0.25 if sleeve == "book" else np.where(price[ticker] >= 5, np.maximum(0.3, 5 / price[ticker]), 1.0)
        excess -= (worth.abs() * rate).to_numpy()
    worst = max(excess[max(0, t - 21) : t + 1].max() - excess[t] for t in range(len(excess)))
    assert told["liquidity_buffer"]["usd"] == pytest.approx(worst, rel=1e-9)
    assert told["margin"] == {"rules": "none", "enforced": False}


def test_buy_ins_are_counted_and_priced(legs: Legs, path: pd.Series) -> None:
    accounts = accounts_of(legs, recalls=Recalls(hazard_per_month=0.5, general_collateral=1.0, seed=3))
    hedged = accounts.hedged(path)
    told = holding(accounts, path, accounts.simulate(), hedged, float(hedged.nav.mean()))["recalls"]
    assert told["buy_ins"] >= told["names"] > 5
    assert told["cost_usd"] == pytest.approx(accounts_of(legs).hedged(path).nav[-1] - hedged.nav[-1])
    again = accounts_of(legs, recalls=Recalls(hazard_per_month=0.5, general_collateral=1.0, seed=4)).hedged(path)
    assert again.nav[-1] != hedged.nav[-1]
    funds = accounts_of(legs, recalls=Recalls(hazard_per_month=0.5)).terms.recalls
    assert funds is not None
    assert not funds.recalled[:, legs.panel.tickers.get_loc("SPY")].any()


def test_a_banned_name_is_not_sold_short_and_may_be_bought_back(legs: Legs, path: pd.Series) -> None:
    ticker = dearest(legs)
    banned = Ban(ticker=ticker, start=legs.sessions[40].date(), end=legs.sessions[300].date())
    hedged = accounts_of(legs, short_limits=ShortLimits(bans=(banned,))).hedged(path)
    held = -hedged.positions()["basket"][ticker]
    inside = held.iloc[40:301].diff().dropna()
    assert held.iloc[39] > 0
    assert inside.max() <= 1e-9
    free = -accounts_of(legs).hedged(path).positions()["basket"][ticker]
    assert free.iloc[40:301].diff().max() > 1.0  # without the ban it would have been added to


def test_caps_are_the_least_of_locates_limit_and_the_uptick_rule(legs: Legs) -> None:
    panel, data = legs.panel, legs.data
    assert np.isinf(short_caps(legs.spec, data, panel))
    spec = legs.spec.model_copy(update={"short_limits": ShortLimits(uptick_rule=True)})
    cap = short_caps(spec, data, panel)
    at = panel.tickers.get_loc("CCL")
    close = pd.Series(panel.close[:, at])
    fell = (close / close.shift(1) - 1 <= -0.10).to_numpy()  # no split of Carnival in these years
    assert fell.sum() > 3
    assert (cap[:, at] == 0).tolist() == (fell | np.concatenate([[False], fell[:-1]])).tolist()
    whole = build_caps(data, ShortLimits(locates=True, max_usd_per_name=5e6), legs.spec)
    borrow = data.borrow
    row = int(borrow.session[0])
    ticker, shares = int(borrow.column[0]), float(borrow.available[0])
    worth = shares * data.panel().close[row, ticker]
    assert whole[row, ticker] == pytest.approx(min(5e6, worth))
    assert whole[row - 1, ticker] == 5e6  # not known before its date


def build_caps(data: market.Market, limits: ShortLimits, spec: RunSpec) -> np.ndarray:
    return np.asarray(short_caps(spec.model_copy(update={"short_limits": limits}), data, data.panel()))


def test_bans_from_a_file_and_their_mistakes(legs: Legs, tmp_path: Path) -> None:
    file = csv_at(tmp_path, "ticker,start,end\nCCL,2020-03-02,2020-03-31\nGM,2021-01-28,\n")
    cap = build_caps(legs.data, ShortLimits(bans=file), legs.spec)
    sessions, tickers = legs.data.sessions, legs.data.tickers
    shut = sessions[cap[:, tickers.get_loc("CCL")] == 0]
    assert (shut[0], shut[-1]) == (pd.Timestamp("2020-03-02"), pd.Timestamp("2020-03-31"))
    assert (cap[:, tickers.get_loc("GM")] == 0).sum() == (sessions >= "2021-01-28").sum()
    bad = csv_at(tmp_path, "ticker,start,end\nCCLL,2020-03-02,\nCCL,2020-03-99,\nCCL,2020-03-05,2020-03-01\n")
    with pytest.raises(ConfigError) as told:
        build_caps(legs.data, ShortLimits(bans=bad), legs.spec)
    assert [problem.line for problem in told.value.problems] == [2, 3, 4]
    assert "unknown ticker 'CCLL' (did you mean 'CCL'?)" in str(told.value)
    with pytest.raises(ConfigError, match="unknown ticker 'GMEE'"):
        build_caps(legs.data, ShortLimits(bans=(Ban(ticker="GMEE", start="2021-01-28"),)), legs.spec)


def test_a_value_from_a_file_holds_from_its_date_for_its_name(tmp_path: Path) -> None:
    sessions = pd.bdate_range("2024-01-01", periods=4)
    tickers = pd.Index(["A", "B"])
    file = csv_at(tmp_path, "date,ticker,value\n2024-01-02,A,0.2\n2024-01-03,,0.5\n2024-01-04,A,0.3\n")
    found = laid_out(read_values(file.target, tickers, 0.0, 1.0), sessions, tickers)
    expected = np.array([[np.nan, np.nan], [0.2, np.nan], [0.2, 0.5], [0.3, 0.5]])
    assert found == pytest.approx(expected, nan_ok=True)
    for text, line, told in (
        ("ticker,value\nA,x\n", 2, "'x' is no number"),
        ("ticker,value\nA,0.1\nA,0.2\n", 3, "stands there twice"),
        ("ticker,value\nC,0.1\n", 2, "unknown ticker 'C'"),
        ("date,value\n2024-13-01,0.1\n", 2, "no date such as"),
        ("ticker,value\nA,7\n", 2, "7 is outside 0 to 1"),
    ):
        with pytest.raises(ConfigError) as error:
            read_values(csv_at(tmp_path, text).target, tickers, 0.0, 1.0)
        assert error.value.problems[0].line == line
        assert told in str(error.value)
    with pytest.raises(ConfigError, match=r"values\.csv:1: expected the columns value, date\?, ticker\?; found fee"):
        read_values(csv_at(tmp_path, "fee\n1\n").target, tickers, 0.0, 1.0)


def test_fees_spreads_and_house_margin_from_files(legs: Legs, tmp_path: Path) -> None:
    ticker = dearest(legs)
    at = legs.panel.tickers.get_loc(ticker)
    usual = accounts_of(legs).terms
    day = legs.sessions[30]
    fee = accounts_of(legs, borrow=Borrow(fee=csv_at(tmp_path, f"date,ticker,value\n{day:%Y-%m-%d},{ticker},0.7\n")))
    assert (fee.terms.borrow_fee[30:, at] == 0.7).all()
    assert (fee.terms.borrow_fee[:30, at] == usual.borrow_fee[:30, at]).all()
    assert (np.delete(fee.terms.borrow_fee, at, 1) == np.delete(usual.borrow_fee, at, 1)).all()
    spread = accounts_of(legs, costs=Costs(half_spread=csv_at(tmp_path, f"ticker,value\n{ticker},50\n")))
    assert np.asarray(spread.terms.costs.half_spread)[:, at] == pytest.approx(0.005)
    margin = Margin(house=csv_at(tmp_path, f"ticker,value\n{ticker},1.0\nSPY,0.01\n"))
    house = np.asarray(accounts_of(legs, margin=margin).terms.margin.maintenance_short)
    assert (house[:, at] >= 1.0).all()
    assert house[-1, legs.panel.tickers.get_loc("SPY")] == pytest.approx(0.3)  # the stricter one counts


def test_commission_and_fees_of_funds_from_files(legs: Legs, tmp_path: Path) -> None:
    at, spy, iwm = (legs.panel.tickers.get_loc(name) for name in (dearest(legs), "SPY", "IWM"))
    day = legs.sessions[30]
    text = f"date,ticker,value\n{day:%Y-%m-%d},,2\n,{dearest(legs)},7\n,IWM,1\n"
    commission = np.asarray(
        accounts_of(legs, costs=Costs(commission_bps=csv_at(tmp_path, text))).terms.costs.commission
    )
    assert commission[:, at] == pytest.approx(7e-4)
    assert commission[:, iwm] == pytest.approx(1e-4)
    assert (commission[:, spy] == 0.0).all()  # all in already: a row for everyone is for stocks
    other = next(k for k in range(commission.shape[1]) if k not in (at, spy, iwm) and commission[-1, k] > 0)
    assert commission[29:31, other] == pytest.approx([0.5e-4, 2e-4])
    fee = accounts_of(
        legs, borrow=Borrow(fund_fee_bps=csv_at(tmp_path, f"date,ticker,value\n{day:%Y-%m-%d},SPY,80\n"))
    ).terms.borrow_fee
    assert fee[29:31, spy] == pytest.approx([30e-4, 80e-4])
    assert (fee[:, iwm] == 30e-4).all()
    with pytest.raises(ConfigError, match=r"values\.csv:2: .*unknown ticker 'SPYY' \(did you mean 'SPY'\?\)"):
        accounts_of(legs, borrow=Borrow(fund_fee_bps=csv_at(tmp_path, "ticker,value\nSPYY,80\n")))


def test_spreads_of_the_account_by_date(legs: Legs, path: pd.Series, tmp_path: Path) -> None:
    """A file of one number changes no bit; one that changes in between lies between the two, in three ledgers."""
    day = legs.sessions[200]

    def navs(text: str) -> dict[str, np.ndarray]:
        file = csv_at(tmp_path, text)
        told = {}
        for name, changed in (
            ("proceeds", {"cash": Cash(short_proceeds_spread_bps=file)}),
            ("swap", {"implementation": "swap", "swap": Swap(spread_bps=file, margin_spread_bps=10)}),
            ("debit", {"cash": Cash(debit_spread_bps=file)}),
        ):
            hedged = accounts_of(legs, **changed).hedged(path)
            assert replay(hedged.account).error(hedged.nav) < 1e-12, name
            assert daily_error(hedged) < 1e-11, name
            told[name] = hedged.nav
        return told

    cheap, dear, both = navs("value\n20\n"), navs("value\n400\n"), navs(f"date,value\n,20\n{day:%Y-%m-%d},400\n")
    plain = accounts_of(legs, cash=Cash(short_proceeds_spread_bps=20)).hedged(path)
    assert cheap["proceeds"].tobytes() == plain.nav.tobytes()
    for name in ("proceeds", "swap"):
        assert dear[name][-1] < both[name][-1] < cheap[name][-1]
        assert both[name][:201].tobytes() == cheap[name][:201].tobytes()  # the rate of a session is for the next nights
        assert both[name][201] < cheap[name][201]
    usual = accounts_of(legs, cash=Cash(debit_spread_bps=csv_at(tmp_path, f"date,value\n{day:%Y-%m-%d},400\n")))
    spread = np.asarray(usual.terms.financing.debit_spread)[:, 0]
    assert spread[199:201] == pytest.approx([50e-4, 400e-4])
    told = holding(accounts_of(legs, swap=Swap(spread_bps=csv_at(tmp_path, "value\n45\n"))), path, plain, plain, 1e8)
    assert told["implementation"]["swap"]["spread_bps"] == pytest.approx(45.0)
    with pytest.raises(ConfigError, match=r"values\.csv:1: expected the columns value, date\?; found ticker, value"):
        accounts_of(legs, cash=Cash(debit_spread_bps=csv_at(tmp_path, "ticker,value\nSPY,80\n")))
    with pytest.raises(ConfigError, match=r"values\.csv:2: .*20000 is outside 0 to 10000"):
        accounts_of(legs, swap=Swap(spread_bps=csv_at(tmp_path, "value\n20000\n")))


def test_undated_fees_grow_with_a_rise_and_dated_ones_do_not(legs: Legs) -> None:
    usual = accounts_of(legs, borrow=Borrow(fee=0.05)).terms.borrow_fee
    dear = accounts_of(legs, borrow=Borrow(fee=0.05, squeeze_kappa=1.5)).terms.borrow_fee
    at = legs.panel.tickers.get_loc("CCL")
    close = pd.Series(legs.data.panel().close[:, at], index=legs.data.sessions).ffill()
    rise = (close / close.shift(21) - 1.0).reindex(legs.sessions).clip(lower=0.0)
    assert dear[:, at] == pytest.approx(np.minimum(0.05 * np.exp(1.5 * rise / 0.5), 1.0).to_numpy())
    assert (dear >= usual).all()
    assert dear.max() <= 1.0


def test_settlement_shifts_the_nights_and_not_their_number(legs: Legs, path: pd.Series) -> None:
    usual = accounts_of(legs).hedged(path).lines["borrow"].sum()
    lagged = accounts_of(legs, cash=Cash(settlement="standard")).hedged(path).lines["borrow"].sum()
    assert lagged != usual
    assert lagged == pytest.approx(usual, rel=0.01)


def test_unknown_volume_is_the_median_turnover_and_funds_have_no_impact() -> None:
    adv = np.array([[1e6, 4e6, np.nan, np.nan, np.nan]])
    caps = np.array([[1e8, 2e8, 1e9, np.nan, np.nan]])
    stocks = np.array([True, True, True, True, False])
    volume, sigma = liquidity_of(adv, np.array([[0.01, 0.03, np.nan, 0.02, 0.02]]), caps, stocks)
    # The two known ones turn over 1 % and 2 %: 1.5 % of a billion; without a size, the middle of 1 and 4 m.
    assert volume.tolist() == [pytest.approx([1e6, 4e6, 15e6, 2.5e6, np.inf])]
    assert sigma.tolist() == [pytest.approx([0.01, 0.03, 0.02, 0.02, 0.0])]


def test_a_volume_limit_leaves_part_unfilled_and_says_so(legs: Legs, path: pd.Series) -> None:
    accounts = accounts_of(legs, liquidity=Liquidity(participation=0.002, work_sessions=0))
    hedged = accounts.hedged(path)
    told = holding(accounts, path, accounts.simulate(), hedged, float(hedged.nav.mean()))["fills"]
    assert 0.0 < told["unfilled_mean"] < told["unfilled_worst"] < 1.0


def test_several_legs_share_one_account_and_their_parts_sum(legs: Legs, path: pd.Series) -> None:
    leg = ShortLeg(name="spy", index="SPY", ratio=0.2)
    accounts = accounts_of(legs, shorts=(leg,))
    book, hedged = accounts.simulate(), accounts.hedged(path)
    assert hedged.sleeves == ("book", "basket", "spy")
    assert hedged.value[0, 2] == pytest.approx(-0.2 * hedged.long_value[0])
    parts = frames.attribution_by_sleeve(book, hedged)
    assert sum(part["total"] for part in parts.values()) == pytest.approx(hedged.nav[-1] - book.nav[-1])
    ratio = frames.ratio_frame(accounts.legs, path, hedged)
    assert (ratio["held_spy"] == 0.2).all()
    assert frames.carry_frame(book, hedged)["borrow"].sum() == pytest.approx(hedged.borrow.sum())


def test_basket_and_index_are_sized_together(legs: Legs) -> None:
    joint = Hedge(estimator="multi_instrument", min_sessions=120)
    accounts = accounts_of(legs, hedge=joint, shorts=(ShortLeg(name="spy", index="SPY"),))
    path = accounts.legs.ratio_path(legs.short.returns)
    hedged = accounts.hedged(path["target"])
    (other,) = accounts.legs.others
    assert other.path.tolist() == path["target:spy"].tolist()
    held = pd.Series(hedged.held[:, 2], index=hedged.sessions)
    assert held.loc[path.index].tolist() == path["target:spy"].tolist()
    # Ordinary least squares in a box, by hand, for the last check: no short may be negative.
    at = path.index[-1]
    window = pd.concat([legs.book.returns, legs.short.returns, legs.index_returns("SPY")], axis=1, sort=True).dropna()
    window = window[window.index < at].tail(252)
    moved = (window - window.mean()).to_numpy()
    free = np.linalg.lstsq(moved[:, 1:], moved[:, 0], rcond=None)[0]
    if (free > 0).all():
        assert path.loc[at, ["raw", "raw:spy"]].to_numpy(dtype=float) == pytest.approx(free, rel=1e-4)
    else:
        assert path.loc[at, ["raw", "raw:spy"]].min() == 0.0


def test_every_cent_of_the_flagship_is_explained_by_day_name_and_sleeve(flagship_legs: Legs) -> None:
    accounts = accounts_of(flagship_legs)
    path = flagship_legs.ratio_path(flagship_legs.short.returns)["target"]
    book, hedged = accounts.simulate(), accounts.hedged(path)
    for account in (book, hedged):
        change = np.diff(account.nav, prepend=account.account.initial_nav)
        profit = account.profit_by_name()
        assert np.abs(profit.sum(axis=1).to_numpy() - change).max() < 1e-9 * account.nav.min()
        by_day = account.daily_by_sleeve().groupby("date")["usd"].sum().reindex(account.sessions, fill_value=0.0)
        assert np.abs(by_day.to_numpy() - change).max() < 1e-9 * account.nav.min()
        assert np.abs(account.lines.sum(axis=1).to_numpy() - change).max() < 1e-9 * account.nav.min()
        # Names sum to their sleeve on every single day, and the run's totals to both.
        for sleeve in account.sleeves:
            s = account.sleeves.index(sleeve)
            whole = sum(getattr(account, kind)[:, s] for kind in ("gain", "trading", "dividends", "borrow", "rebate"))
            assert np.abs(profit[sleeve].sum(axis=1).to_numpy() - whole).max() < 1e-9 * account.nav.min()
        assert account.by_name().to_numpy().sum() + profit["account", "interest"].sum() == pytest.approx(
            account.nav[-1] - account.account.initial_nav, abs=1e-3
        )
    parts = frames.attribution_by_sleeve(book, hedged)
    gap = hedged.nav[-1] - book.nav[-1]
    assert sum(part["total"] for part in parts.values()) == pytest.approx(gap, abs=1e-3)
    assert all(
        sum(v for k, v in part.items() if k != "total") == pytest.approx(part["total"]) for part in parts.values()
    )
    table = frames.by_name_frame(hedged)
    assert table["total"].sum() == pytest.approx(hedged.nav[-1] - flagship_legs.spec.initial_nav, abs=1e-3)


def test_ruin_ends_the_run_with_its_date(flagship_legs: Legs, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = flagship_legs.spec.model_copy(update={"shorts": (ShortLeg(name="iwm", index="IWM", ratio=5.0),)})
    monkeypatch.setattr(pipeline, "build_legs", lambda spec, data: replace(flagship_legs, spec=spec))
    with pytest.raises(InfeasibleError) as told:
        pipeline.run(spec, flagship_legs.data)
    hedged = accounts_of(flagship_legs, shorts=spec.shorts).hedged(
        flagship_legs.ratio_path(flagship_legs.short.returns)["target"]
    )
    assert hedged.ruined is not None
    assert f"the hedged book was ruined on {hedged.sessions[hedged.ruined].date()}" in str(told.value)
    assert told.value.exit_code == 4


def test_margin_enforced_comes_before_ruin(flagship_legs: Legs) -> None:
    """The same five-fold short lives where a broker cuts it: new positions are shrunk to what NAV carries."""
    short = (ShortLeg(name="iwm", index="IWM", ratio=5.0),)
    path = flagship_legs.ratio_path(flagship_legs.short.returns)["target"]
    watched = accounts_of(flagship_legs, shorts=short, margin=Margin(rules="reg_t", enforce=True)).hedged(path)
    assert watched.ruined is None
    assert -watched.short_value[0] / watched.long_value[0] == pytest.approx(5.0 + float(path.iloc[0]), rel=1e-6)
    assert (watched.long_value[0] - watched.short_value[0]) / watched.nav[0] == pytest.approx(2.0, rel=1e-3)
    assert watched.called.any()


def test_what_is_off_changes_no_bit(flagship_legs: Legs) -> None:
    """The shipped run beside the same account stripped of every option: no cap, no margin, no recall, no swap."""
    accounts = accounts_of(flagship_legs)
    path = flagship_legs.ratio_path(flagship_legs.short.returns)["target"]
    hedged = accounts.hedged(path)
    plain = replace(
        hedged.account, margin=None, short_cap_usd=np.inf, costs=replace(hedged.account.costs, work_sessions=0),
        shorts=tuple(replace(short, swap=None, recalls=None) for short in hedged.account.shorts),
    )  # fmt: skip
    assert simulate(plain).nav.tobytes() == hedged.nav.tobytes()


def test_recalls_are_tried_where_the_run_has_none(legs: Legs, path: pd.Series) -> None:
    """One draw is the run itself with recalls of that seed; its cost is what is missing from the last NAV."""
    accounts = accounts_of(legs)
    hedged = accounts.hedged(path)
    table = recall_stress(accounts, path, hedged, draws=1)
    years = (legs.sessions[-1] - legs.sessions[0]).days / 365.25
    for hazard, row in table.iterrows():
        called = accounts_of(legs, recalls=Recalls(hazard_per_month=hazard, seed=SEED)).hedged(path)
        lost = hedged.nav[-1] - called.nav[-1]
        assert row["cost_mean"] == pytest.approx(1e4 * lost / hedged.nav.mean() / years, rel=2e-3)
        assert row["cost_low"] == row["cost_high"] == row["cost_mean"]
        missing = hedged.nav - called.nav
        worst = max((missing[t] - missing[max(0, t - 21) : t + 1].min()) / hedged.nav[t] for t in range(len(missing)))
        assert row["worst_month"] == pytest.approx(worst)
    assert table["buy_ins"].is_monotonic_increasing
    assert table["buy_ins"].iloc[0] >= 0 < table["buy_ins"].iloc[1]
    several = recall_stress(accounts, path, hedged, draws=4)
    assert (several["cost_low"] < several["cost_high"]).all()
    assert recall_stress(accounts_of(legs, implementation="swap"), path, hedged).empty
    assert recall_stress(accounts_of(legs, recalls=Recalls()), path, hedged).empty
