"""A bank's basket, by its levels, shorted in the place of ours: same book, same rules, same sessions.

1. Its levels become one more name of the panel, a total-return index: dividends are inside, and a fee is owed a year.
2. It gets its own walk-forward ratio under the run's rules; ours is walked again from the same first session.
3. Three accounts over the sessions that both can trade: the book alone, hedged with ours, hedged with theirs. Each
   short stands alone: other legs, recalls and margin calls of the run are left out of all three.
4. Tracking of ours against theirs: beta, correlation, tracking error, difference of return and of drawdown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.accounts import Accounts
from backtest.broadcast import over
from backtest.evaluate.effectiveness import effectiveness
from backtest.evaluate.performance import daily_risk_free, max_drawdown, returns_of, volatility
from backtest.evaluate.regression import newey_west
from backtest.evaluate.spread import annual_and_t
from backtest.legs import walk
from backtest.simulate import Account, ShortSleeve, simulate
from backtest.simulate.tape import Delistings
from backtest.summary import figures_of, table_figures
from backtest.terms import BPS, terms
from basket import hedge
from basket.levels import Levels, read_levels, total_return
from market.errors import DataError

if TYPE_CHECKING:
    from backtest.broadcast import Floats, Varying
    from backtest.legs import Legs
    from backtest.result import Json
    from backtest.stand_in_spec import StandIn

TICKER = "*levels*"  # no ticker of a market has stars
LEAST_SESSIONS = 60  # of an account worth comparing


@dataclass(frozen=True)
class Beside:
    """Ours and theirs over the sessions both can trade.

    nav     USD by session: `book`, `hedged` (with ours), `hedged_with_levels`; `basket` and `levels` 100 at the start
    ratios  walk-forward targets at the checks: `basket, levels`
    """

    spec: StandIn
    levels: Levels
    legs: Legs
    nav: pd.DataFrame
    ratios: pd.DataFrame


@dataclass(frozen=True)
class _Panel:
    """A few names of a market's panel, and one more."""

    sessions: pd.DatetimeIndex
    tickers: pd.Index
    close: Floats
    dividend: Floats
    split: Floats


def levels_of(legs: Legs) -> Levels:
    """The levels the run's stand-in names. Raises `ConfigError` for bad rows, `DataError` for gaps."""
    told = legs.spec.stand_in
    assert told is not None
    rate = legs.data.rates(legs.spec.cash.benchmark) if told.quoted == "excess_return" else None
    sessions = legs.data.sessions
    return total_return(read_levels(told.levels), sessions, told.quoted, told.dividend_yield, rate, str(told.levels))


def stand_in(legs: Legs) -> Beside | None:
    """Both hedges over the sessions they share; None where the run names no levels.

    Raises `DataError` where fewer than sixty sessions are left once the ratio has its history.
    """
    told = legs.spec.stand_in
    if told is None:
        return None
    levels = levels_of(legs)
    shared = legs.book.returns.index.intersection(levels.returns.index)
    least = legs.spec.hedge.min_sessions
    begin = shared[least] if len(shared) > least else None
    sessions = legs.sessions[(legs.sessions >= begin) & (legs.sessions <= levels.level.index[-1])] if begin else []
    if len(sessions) < LEAST_SESSIONS:
        raise DataError(
            f"{told.levels}: {len(shared)} returns are shared with the book and {least} are needed before the first "
            f"trade; {len(sessions)} sessions are left and {LEAST_SESSIONS} are needed"
        )
    ours = replace(legs, sessions=pd.DatetimeIndex(sessions))
    accounts = Accounts(ours, terms(ours.spec, ours.data, ours.panel))
    paths = {"basket": ours.ratio_path(ours.short.returns)["target"]}
    rules, kind = ours.spec.hedge, ours.spec.hedge.estimator
    parameters = ours.parameters(kind)
    paths["levels"] = walk(rules, kind, ours.book.returns, levels.returns, ours.checks, parameters)["target"]
    plain = replace(accounts.unhedged, margin=None, short_cap_usd=np.inf)
    ours_short = replace(accounts.hedged_by(accounts.basket_targets, paths["basket"]), recalls=None)
    nav = {
        "book": simulate(plain).nav,
        "hedged": simulate(replace(plain, shorts=(ours_short,))).nav,
        "hedged_with_levels": hedged_with(accounts, levels.level, told, paths["levels"]),
    }
    frame = pd.DataFrame(nav, index=ours.sessions)
    for name, level in (("basket", ours.short.level), ("levels", levels.level)):
        inside = level.reindex(ours.sessions)
        frame[name] = 100.0 * inside / inside.iloc[0]
    return Beside(told, levels, ours, frame, pd.DataFrame(paths))


def hedged_with(accounts: Accounts, level: pd.Series, told: StandIn, path: pd.Series) -> Floats:
    """NAV of the book with the levels short at the ratio of `path`, (n_sessions,) USD."""
    whole, panel = accounts.unhedged, accounts.legs.panel
    held = np.flatnonzero(np.any([weights != 0 for weights in whole.long_targets.values()], axis=0))
    close = np.asarray(panel.close)
    column = level.reindex(accounts.legs.sessions).to_numpy(dtype=np.float64)[:, None]

    def beside(value: Varying, extra: float, name: str) -> Floats:
        matrix = over(value, close.shape[0], close.shape[1], name, missing=True)[:, held]
        return np.hstack([matrix, np.full((len(matrix), 1), extra)])

    costs = whole.costs
    costs = replace(
        costs,
        half_spread=beside(costs.half_spread, told.trade_bps * BPS, "half_spread"),
        commission=beside(costs.commission, 0.0, "commission"),
        sell_fee=beside(costs.sell_fee, 0.0, "sell_fee"),
        volatility=None if costs.volatility is None else beside(costs.volatility, 0.0, "volatility"),
        adv_usd=None if costs.adv_usd is None else beside(costs.adv_usd, 1e15, "adv_usd"),
    )
    ended = whole.delistings
    account = Account(
        panel=_Panel(
            sessions=accounts.legs.sessions,
            tickers=panel.tickers[held].append(pd.Index([TICKER])),
            close=np.hstack([close[:, held], column]),
            dividend=beside(panel.dividend, 0.0, "dividend"),
            split=beside(panel.split, 1.0, "split"),
        ),
        long_targets={t: np.append(weights[held], 0.0) for t, weights in whole.long_targets.items()},
        shorts=(ShortSleeve(told.name, {0: np.append(np.zeros(len(held)), 1.0)}, accounts.by_session(path)),),
        costs=costs,
        financing=whole.financing,
        borrow_fee=beside(whole.borrow_fee, told.fee_bps * BPS, "borrow_fee"),
        initial_nav=whole.initial_nav,
        delistings=None
        if ended is None
        else Delistings(
            np.append(ended.last_session[held], np.datetime64("NaT", "ns")), np.append(ended.total_return[held], 0.0)
        ),
        max_halt_sessions=whole.max_halt_sessions,
    )
    return simulate(account).nav


def tracking(ours: pd.Series, theirs: pd.Series) -> dict[str, float]:
    """How ours tracks theirs, from levels by session; the beta is of ours on theirs, with Newey-West errors."""
    mine, other = returns_of(ours), returns_of(theirs)
    fitted = newey_west(mine.to_numpy(dtype=np.float64), other.to_numpy(dtype=np.float64)[:, None])
    annual, t = annual_and_t(mine - other)
    falls = max_drawdown(ours), max_drawdown(theirs)
    return {
        "beta": float(fitted.coefficients[1]),
        "beta_stderr": float(fitted.stderr[1]),
        "correlation": float(mine.corr(other)),
        "tracking_error": volatility(mine - other),
        "difference_annual": annual,
        "difference_t": t,
        "max_drawdown": falls[0],
        "max_drawdown_levels": falls[1],
        "drawdown_difference": falls[0] - falls[1],
        "n_sessions": len(mine),
    }


def section(found: Beside) -> dict[str, Json]:
    """The `stand_in` section of `summary.json`."""
    legs, nav, bootstrap = found.legs, found.nav, found.legs.spec.bootstrap
    accounts = ("book", "hedged", "hedged_with_levels")
    risk_free = daily_risk_free(legs.data.rates(legs.spec.cash.benchmark), legs.sessions)
    returns = {name: returns_of(nav[name]) for name in accounts}
    removed = {
        name: table_figures(effectiveness(returns["book"], returns[name], n_draws=bootstrap.draws, seed=bootstrap.seed))
        for name in accounts[1:]
    }
    annual, t = annual_and_t(returns["hedged"] - returns["hedged_with_levels"])
    test = hedge.paired_test(returns["hedged"], returns["hedged_with_levels"])
    return {
        "name": found.spec.name,
        "quoted": found.spec.quoted,
        "span": {"start": str(legs.sessions[0].date()), "end": str(legs.sessions[-1].date())},
        "levels": {"rows": found.levels.rows, "no_session": found.levels.unmatched, "carried": found.levels.carried},
        "tracking": dict(tracking(nav["basket"], nav["levels"])),
        "mean_ratio": {str(name): float(value) for name, value in found.ratios.mean().items()},
        "sleeves": {name: dict(figures_of(nav[name], legs, risk_free)) for name in accounts},
        "variance_removed": {
            name: {key: figures["variance"][key] for key in ("out_of_sample", "low", "high")}
            for name, figures in removed.items()
        },
        "ours_less_theirs": {"annual": annual, "t": t, "variance_p_value": test.p_value},
    }
