"""What a sceptic asks once the accounts are done: what the hedge is made of, what it is worth, and what breaks it.

1. Beside the index: the ratio of basket once the market is there, their correlation without it, the worst AI days.
2. Attribution of the hedge's P&L to market, size, value, profitability, momentum and AI, with Newey-West errors, over
   the whole span and over the year that ends with each calendar year.
3. Worth: cost a year per drawdown saved, premium in calm against payoff in falls, up and down capture, crisis beta.
4. Hazards: the steepest rises of the basket, the worst single name, what margin they took; sector tilt; missing debt.

The hedge's P&L is the return of the hedged account less the book's. A part that the data cannot carry says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.accounts import BASKET
from backtest.estimator_inputs import factor_returns
from backtest.evaluate import capture, worth
from backtest.evaluate.attribution import factor_attribution, hedge_factors, orthogonal, rolling_attribution
from backtest.evaluate.performance import returns_of
from backtest.evaluate.spread import marginal_ratio, worst_ai_days
from backtest.evaluate.squeeze import earned_between, largest_loss, largest_rise, worst_gap
from backtest.evaluate.tape import by_state, market_states
from backtest.margin import regulation_t, usage
from backtest.rivals import spread_over
from backtest.standing import AI_FUND
from backtest.stress import NAMED_WINDOWS, covered
from backtest.summary import table_figures
from market.errors import DataError
from screens.metrics.derived import debt

if TYPE_CHECKING:
    from backtest.legs import Legs
    from backtest.result import Json
    from backtest.simulate import Simulation

FACTORS = {"Mkt-RF": "market", "SMB": "size", "HML": "value", "RMW": "profitability", "Mom": "momentum", "AI": "ai"}
MARKET_FACTOR = "Mkt-RF"
ROLLING_SESSIONS = 252  # a year of factor exposures
SQUEEZE_SESSIONS = (1, 5, 21)  # a day, a week, a month
CAPTURE = "months in which the benchmark rose (up) or fell (down), geometric mean return over the benchmark's"
CAPTURED = {"book": "market", "hedged": "market", "basket": "market", "hedged_of_book": "book"}


@dataclass(frozen=True)
class Measured:
    """What the evidence is drawn from.

    returns         simple returns by session: `book, basket, hedged, market`; `ai` where the data hold the fund
    ideal           the hedged return with the best constant ratio, known beforehand and free
    ratio           the walk-forward ratio at its checks
    carry_annual    what holding the short costs a year before prices move, decimal of average NAV, a cost positive
    """

    legs: Legs
    hedged: Simulation
    nav: pd.DataFrame
    returns: pd.DataFrame
    ideal: pd.Series
    ratio: pd.Series
    carry_annual: float

    @property
    def profit(self) -> pd.Series:
        return worth.hedge_profit(self.returns["book"], self.returns["hedged"])


def measured(
    legs: Legs, hedged: Simulation, nav: pd.DataFrame, ideal: pd.Series, ratio: pd.Series, carry_annual: float
) -> Measured:
    """Collect the series. nav: `book, hedged, basket` by session."""
    returns = pd.DataFrame({name: returns_of(nav[name]) for name in ("book", "basket", "hedged")})
    returns["market"] = legs.index_returns(legs.spec.market)
    if AI_FUND in legs.data.tickers:
        returns["ai"] = legs.index_returns(AI_FUND)
    return Measured(legs, hedged, nav, returns, ideal, ratio, carry_annual)


def evidence(seen: Measured) -> tuple[dict[str, Json], pd.DataFrame]:
    """The sections of `summary.json`, and the attribution of the hedge's P&L as a frame."""
    factors = pd.DataFrame(columns=["coefficient", "stderr", "t", "annual", "share"])
    told: dict[str, Json] = {
        "marginal": or_reason(lambda: marginal(seen.returns)),
        "worst_ai_days": or_reason(lambda: ai_days(seen, 1.0)),
        "best_ai_days": or_reason(lambda: ai_days(seen, -1.0)),
        "worth": or_reason(lambda: worth_of(seen)),
        "capture": or_reason(lambda: captured(seen.returns)),
        "squeeze": or_reason(lambda: squeezes(seen)),
        "gap": or_reason(lambda: gap(seen)),
        "sector_tilt": or_reason(lambda: sector_tilt(seen.legs)),
        "missing_debt": or_reason(lambda: missing_debt(seen.legs)),
        "variants_tried": 1,
    }
    try:
        factors, told["factor_attribution"] = attributed(seen)
    except DataError as error:
        told["factor_attribution"] = {"reason": str(error)}
    return told, factors


def marginal(returns: pd.DataFrame) -> dict[str, Json]:
    """`ratio, stderr, t` of basket and index together, and the correlation of book and basket with and without it."""
    beside = marginal_ratio(returns["book"], returns["basket"], returns["market"])
    left = [orthogonal(returns[name], returns["market"]) for name in ("book", "basket")]
    return {
        **{str(name): dict(row) for name, row in table_figures(beside).items()},
        "correlation": float(returns["book"].corr(returns["basket"])),
        "correlation_beyond_market": float(left[0].corr(left[1])),
        "r_squared": beside.attrs["r_squared"],
        "r_squared_index_alone": beside.attrs["r_squared_index_alone"],
    }


def ai_days(seen: Measured, sign: float) -> dict[str, Json]:
    """Book, basket, hedged, hedge and spread on the 5 % of sessions on which the AI fund did worst beyond the market.

    sign: 1 for those days, -1 for the best ones: a hedge that gives back there what it earned here is an AI short.
    """
    _demand_fund(seen)
    shown = seen.returns[["book", "basket", "hedged"]].copy()
    shown["hedge"] = seen.profit
    shown["spread"] = spread_over(seen.legs, seen.ratio, seen.legs.spec.market)
    table = worst_ai_days(shown, sign * seen.returns["ai"], seen.returns["market"])
    return {"fund": AI_FUND, **{str(name): dict(row) for name, row in table_figures(table).items()}}


def attributed(seen: Measured) -> tuple[pd.DataFrame, dict[str, Json]]:
    """The attribution, factors in plain words, and its section."""
    wide = factor_returns(seen.legs.data).reindex(seen.returns.index).dropna()
    if MARKET_FACTOR not in wide:
        raise DataError(f"the factor returns lack {MARKET_FACTOR}")
    if "ai" in seen.returns:
        wide = hedge_factors(wide, seen.returns["ai"], MARKET_FACTOR)
    found = factor_attribution(seen.profit, wide.rename(columns=FACTORS))
    section: dict[str, Json] = {
        "start": str(wide.index[0].date()),
        "end": str(wide.index[-1].date()),
        "n_sessions": found.attrs["n_sessions"],
        "lag": found.attrs["lag"],
        "r_squared": found.attrs["r_squared"],
        "factors": {
            name: {key: value for key, value in line.items() if np.isfinite(value)}
            for name, line in table_figures(found).items()
        },
        "rolling": through_time(seen.profit, wide.rename(columns=FACTORS)),
    }
    return found, section


def through_time(profit: pd.Series, factors: pd.DataFrame) -> dict[str, Json]:
    """Exposures over the year that ends at the last session of each calendar year: `coefficient, t` by factor."""
    sessions = pd.DatetimeIndex(profit.index.intersection(factors.index))
    if len(sessions) < ROLLING_SESSIONS:
        return {}
    last = pd.DatetimeIndex(sessions.to_series().groupby(sessions.year).max())
    ends = rolling_attribution(profit, factors, ROLLING_SESSIONS, at=last)
    told: dict[str, Json] = {}
    slopes, errors = (table_figures(pd.DataFrame(ends[part])) for part in ("coefficient", "stderr"))
    for session, line in slopes.items():
        error = errors[session]
        told[session[:10]] = {
            name: {"coefficient": slope, "t": slope / error[name] if error[name] > 0 else float("nan")}
            for name, slope in line.items()
        }
    return told


def worth_of(seen: Measured) -> dict[str, Json]:
    """Price of protection, payoff against premium, slippage, and the hedge by the state of the market."""
    returns = seen.returns
    falls = [one for one in covered(NAMED_WINDOWS, seen.legs.sessions) if one.sp500 < 0]
    paid = worth.payoff_against_premium(returns["book"], returns["hedged"], [(one.start, one.end) for one in falls])
    level = (1.0 + seen.legs.index_returns(seen.legs.spec.market).fillna(0.0)).cumprod()
    states = by_state(returns["book"], returns["hedged"], market_states(level))
    return {
        **worth.price_of_protection(returns["book"], returns["hedged"], seen.carry_annual),
        **paid,
        "stress_windows": [one.name for one in falls],
        "slippage": capture.slippage(returns["hedged"], seen.ideal),
        "states": table_figures(states),
    }


def captured(returns: pd.DataFrame) -> dict[str, Json]:
    """Up and down capture by month, what happens on the market's worst days, and how stable the correlation is."""
    months = returns.apply(capture.monthly_returns)
    told: dict[str, Json] = {"convention": CAPTURE}
    for name, benchmark in CAPTURED.items():
        one = capture.capture(months[name.partition("_")[0]], months[benchmark])
        told[name] = {"up": one.up, "down": one.down, "ratio": one.ratio, "n_up": one.n_up, "n_down": one.n_down}
    told["crisis"] = table_figures(capture.crisis_table(returns[["book", "basket", "hedged"]], returns["market"]))
    told["correlation_63"] = capture.correlation_stability(returns["book"], returns["basket"])
    return told


def squeezes(seen: Measured) -> dict[str, Json]:
    """By length: the basket's steepest rise and what it did to the account, and the worst loss of the short."""
    sleeve = seen.hedged.sleeves.index(BASKET)
    parts = ("gain", "trading", "dividends", "borrow", "rebate")
    short = pd.Series(sum(getattr(seen.hedged, part)[:, sleeve] for part in parts), index=seen.legs.sessions)
    required = usage(seen.hedged, regulation_t(seen.legs.panel.close))["used"]
    told: dict[str, Json] = {}
    for sessions in SQUEEZE_SESSIONS:
        rise = largest_rise(seen.nav["basket"], sessions)
        ends = seen.nav.loc[[rise.start, rise.end]]
        loss = largest_loss(short, seen.nav["hedged"], sessions)
        told[f"sessions_{sessions}"] = {
            "start": str(rise.start.date()),
            "end": str(rise.end.date()),
            "basket": rise.value,
            "book": float(ends["book"].iloc[1] / ends["book"].iloc[0] - 1.0),
            "hedged": float(ends["hedged"].iloc[1] / ends["hedged"].iloc[0] - 1.0),
            "hedge": earned_between(short, seen.nav["hedged"], rise.start, rise.end),
            "margin_used": float(required.loc[rise.end]),
            "worst_hedge": loss.value,
            "worst_hedge_start": str(loss.start.date()),
            "worst_hedge_end": str(loss.end.date()),
        }
    told["peak_margin_used"] = float(required.max())
    return told


def gap(seen: Measured) -> dict[str, Json]:
    """The name and session that cost the most: its rise, its weight in NAV the evening before, the loss in bp."""
    every = seen.hedged.positions(carried=True)
    mine = every.columns.get_level_values("sleeve") == BASKET
    shares = every.loc[:, mine].droplevel("sleeve", axis=1)
    price = seen.hedged.tape.price[:, seen.hedged.tickers.get_indexer(shares.columns)]
    worst = worst_gap(shares, price, seen.nav["hedged"])
    return {
        "ticker": worst.ticker,
        "name": str(seen.legs.data.securities["name"].get(worst.ticker, "")),
        "session": str(worst.session.date()),
        "rise": worst.rise,
        "weight": worst.weight,
        "loss_bps": -1e4 * worst.loss,
    }


def sector_tilt(legs: Legs) -> dict[str, Json]:
    """Weights by sector at the basket's last rebalance: `basket`, `book`, and the first less the second."""
    session = legs.short.rebalances[legs.short.rebalances <= legs.sessions[-1]][-1]
    view = legs.data.as_of(session)
    sector = pd.Series(view.sector(), index=view.tickers).replace("", "unknown")
    sides = {name: leg.held_on(session) for name, leg in (("basket", legs.short), ("book", legs.book))}
    table = pd.DataFrame({name: held.groupby(sector.reindex(held.index)).sum() for name, held in sides.items()})
    table = table.fillna(0.0)
    table["difference"] = table["basket"] - table["book"]
    table = table.sort_values("difference", ascending=False)
    return {"session": str(session.date()), "sectors": table_figures(table)}


def missing_debt(legs: Legs) -> dict[str, Json]:
    """Share of names whose debt is unknown: in the screen's universe and among those held, all dates and the last."""
    shares = []
    for session, decided in zip(legs.short.rebalances, legs.short.signal_sessions, strict=True):
        screened = legs.short.screened.get(decided)
        if screened is None or not legs.sessions[0] <= session <= legs.sessions[-1]:
            continue
        unknown = np.isnan(debt(screened.view))
        held = legs.short.weights.loc[session]
        at = screened.view.tickers.get_indexer(held.index[held.to_numpy() != 0])
        shares.append((float(unknown[screened.eligible].mean()), float(unknown[at].mean())))
    if not shares:
        raise DataError("no rebalance of this run was decided by a screen")
    universe, names = np.array(shares).T
    return {
        "universe": float(universe.mean()),
        "basket": float(names.mean()),
        "basket_most": float(names.max()),
        "basket_last": float(names[-1]),
    }


def _demand_fund(seen: Measured) -> None:
    if "ai" not in seen.returns:
        raise DataError(f"the data hold no prices of {AI_FUND}")


def or_reason(make: Callable[[], dict[str, Json]]) -> dict[str, Json]:
    """The section, or why the data cannot carry it."""
    try:
        return make()
    except DataError as error:
        return {"reason": str(error)}
