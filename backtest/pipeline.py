"""The whole flow of a run, on one page.

1. Legs: the long book and the short basket through time, and the span in which both trade.
2. Ratio: dollars short per dollar of book at every check, from returns before it.
3. Accounts: the book alone, and the book with the short; every cent by kind; the ledger and a daily vectorbt portfolio
   as second and third opinions; what it takes to hold the short, and what it costs held the other way.
4. Rivals and placebos: index shorts at equal risk, owning less, the hedge switched by the tape, the same rules without
   the idea, hindsight.
5. Evidence: effectiveness with intervals, the spread over an equal-beta index, the windows in which it must lose, and
   what the hedge is made of, is worth, and breaks at.
6. Result: frames, summary, the answer in a sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from backtest import frames, overlay, stand_in, stress, summary, verdict
from backtest.accounts import BASKET, Accounts
from backtest.cautions import cautions
from backtest.evaluate.effectiveness import effectiveness, in_sample_hedged, rolling_table
from backtest.evaluate.performance import daily_risk_free, returns_of
from backtest.evidence import evidence, measured
from backtest.exposure import exposures
from backtest.hindsight import hindsight
from backtest.holding_short import holding
from backtest.holdings import constituents
from backtest.ledger import replay
from backtest.legs import Legs, build_legs
from backtest.placebos import BEST_QUALITY, placebos
from backtest.recall_stress import recall_stress
from backtest.result import Json, Result
from backtest.rivals import EQUAL_BETA, HOLD_LESS, rivals, spread_frame
from backtest.simulate.daily import daily_error, daily_portfolio
from backtest.spec import RunSpec
from backtest.terms import terms
from market.errors import InfeasibleError

if TYPE_CHECKING:
    from backtest.simulate import Simulation
    from market import Market

Progress = Callable[[str, int, int], None]
NOTE_SESSION = pd.Timestamp("2025-10-31")  # last close before the market note of 4 November 2025
STAGES = ("building book and basket", "simulating the accounts", "alternatives", "placebos", "hindsight", "evidence")


def run(spec: str | os.PathLike[str] | RunSpec, data: Market, progress: Progress | None = None) -> Result:
    """Run a backtest: from a spec, or the path of one, and a market to a `Result`.

    progress: called with what is being done, how many stages are done, and of how many.
    Raises `ConfigError` for an impossible request, `DataError` for missing data, `InfeasibleError` where the rules
    cannot hold on a date's data or the account was ruined.
    """
    if not isinstance(spec, RunSpec):
        from screens.loading import load

        spec = load(spec, RunSpec)

    def at(stage: int) -> None:
        if progress is not None:
            progress(STAGES[stage], stage, len(STAGES))

    at(0)
    legs = build_legs(spec, data)
    path = legs.ratio_path(legs.short.returns)
    at(1)
    accounts = Accounts(legs, terms(spec, data, legs.panel))
    unhedged = accounts.simulate()
    hedged = accounts.hedged(path["target"])
    for name, account in (("the book", unhedged), ("the hedged book", hedged)):
        _demand_alive(name, account, legs)
    at(2)
    others = rivals(accounts, path["target"], hedged.nav)
    tactical = overlay.switched(accounts, path["target"])
    at(3)
    best, random = placebos(accounts)
    at(4)
    foresight = hindsight(legs)
    theirs = stand_in.stand_in(legs)
    at(5)

    nav = frames.nav_frame(legs, unhedged, hedged)
    carry = frames.carry_frame(unhedged, hedged)
    average_nav = float(nav["hedged"].mean())
    attribution = frames.attribution_frame(unhedged, hedged, average_nav)
    risk_free = daily_risk_free(data.rates(spec.cash.benchmark), legs.sessions)
    book_returns, hedged_returns = returns_of(nav["book"]), returns_of(nav["hedged"])
    basket_returns = returns_of(nav["basket"])
    ideal = in_sample_hedged("ols", book_returns, basket_returns)
    removed = effectiveness(
        book_returns,
        hedged_returns,
        in_sample=ideal,
        n_draws=spec.bootstrap.draws,
        seed=spec.bootstrap.seed,
    )
    spread = spread_frame(legs, path["target"])
    alternatives = others.nav.copy()
    if best is not None:
        alternatives[BEST_QUALITY] = best.nav
    for name, values in summary.band_of_navs(random).items():
        alternatives[name] = values
    windows = stress.window_returns(
        nav[["book", "basket", "hedged"]].assign(
            short_spy_equal_beta=others.nav.get(f"short {spec.market}, {EQUAL_BETA}"),
            hold_less=others.nav[HOLD_LESS],
        )
    )
    sleeves = {name: summary.figures_of(nav[name], legs, risk_free) for name in ("book", "basket", "hedged")}
    sleeves |= summary.other_sleeves(legs, risk_free)
    benchmarks = summary.benchmark_figures(others, unhedged.nav, legs, risk_free)
    if tactical is not None:
        alternatives = alternatives.join(tactical.nav)
        benchmarks |= summary.overlay_figures(tactical, unhedged.nav, legs, risk_free)
    costs = frames.costs_bps(carry, average_nav)
    sections, factors = evidence(measured(legs, hedged, nav, ideal, path["target"], costs["total"] / frames.BPS))
    table = constituents(legs, float(-hedged.value[-1, hedged.sleeves.index(BASKET)]))
    held = holding(accounts, path["target"], unhedged, hedged, average_nav)
    warnings = cautions(legs, data, hedged, foresight, accounts.terms.assumed_volume)
    timing = None if tactical is None else overlay.section(tactical, nav)
    told: dict[str, Json] = {
        "name": spec.name,
        "question": spec.question,
        "answer": verdict.answer(sleeves, removed, spread, benchmarks, timing),
        "as_of": str(legs.sessions[-1].date()),
        "span": dict(summary.span_figures(legs)),
        "rebalances": len(legs.short.rebalances.intersection(legs.sessions)),
        "sleeves": sleeves,
        "hedge_ratio": summary.ratio_figures(path["target"]),
        "other_ratios": {leg.name: summary.ratio_figures(leg.path) for leg in legs.others},
        "hedge_effectiveness": summary.table_figures(removed),
        "costs_bps_per_year": costs,
        "average_nav_usd": {"hedged": average_nav, "book": float(nav["book"].mean())},
        "attribution": {str(kind): float(value) for kind, value in attribution["usd"].items()},
        "attribution_bps_per_year": {str(kind): float(v) for kind, v in attribution["bps_per_year"].items()},
        "attribution_by_sleeve": frames.attribution_by_sleeve(unhedged, hedged),
        **held,
        "ledger": {
            "max_identity_error": hedged.identity_error,
            "max_ledger_error": replay(hedged.account).error(hedged.nav),
            "max_vectorbt_error": daily_error(hedged),
        },
        "benchmarks": benchmarks,
        "placebos": summary.placebo_figures(best, random, unhedged.nav, legs, risk_free),
        "spread_over_index": summary.spread_figures(spread),
        **({} if timing is None else {"overlay": timing}),
        **({} if theirs is None else {"stand_in": stand_in.section(theirs)}),
        **sections,
        "coverage": summary.coverage(legs),
        "hindsight": foresight,
        "turnover": summary.turnover_figures(legs, hedged),
        "names": len(table),
        "warnings": warnings,
    }
    return Result(
        spec=spec,
        name=spec.name,
        question=spec.question,
        summary=told,
        nav=nav,
        alternatives=alternatives,
        hedge_ratio=frames.ratio_frame(legs, path["target"], hedged),
        exposures=exposures(hedged),
        carry=carry,
        attribution=attribution,
        by_sleeve=hedged.daily_by_sleeve(),
        by_name=frames.by_name_frame(hedged),
        factors=factors,
        orders=hedged.orders,
        weights=frames.weights_frame(legs),
        constituents=table,
        changes=legs.short.changes,
        stress=windows,
        effectiveness=removed,
        spread=spread,
        rolling=rolling_table(book_returns, hedged_returns, basket_returns),
        overlay=pd.DataFrame() if tactical is None else tactical.frame,
        stand_in=pd.DataFrame() if theirs is None else theirs.nav,
        regime=tape_frame(spec, data, legs.sessions[-1]),
        warnings=warnings,
        market=data,
        daily_portfolio=partial(daily_portfolio, hedged),
        recall_stress=partial(recall_stress, accounts, path["target"], hedged),
    )


def tape_frame(spec: RunSpec, data: Market, session: pd.Timestamp) -> pd.DataFrame:
    """The fragility signals at a session, where the run names a regime, and on the session of the market note.

    `signal, value, percentile, definition, unit, fragile, then`; `then` is missing where the data do not reach back.
    """
    columns = ["signal", "value", "percentile", "definition", "unit", "fragile", "then"]
    if spec.regime is None:
        return pd.DataFrame(columns=columns)
    from screens.regime import evaluate

    signals = evaluate(spec.regime.target, data, session)["signals"]
    told = NOTE_SESSION in data.sessions and session >= NOTE_SESSION
    then = evaluate(spec.regime.target, data, NOTE_SESSION)["signals"] if told else {}
    rows = [
        (name, one["value"], one["percentile"], one["definition"], one["unit"], one["fragile"],
         then[name]["value"] if told else None)
        for name, one in signals.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs = {"note_session": str(NOTE_SESSION.date())}
    return frame


def _demand_alive(name: str, account: Simulation, legs: Legs) -> None:
    if account.ruined is not None:
        raise InfeasibleError(
            f"{legs.spec.name}: {name} was ruined on {legs.sessions[account.ruined].date()}: its NAV fell to zero or "
            "below; lower hedge.bounds, or hedge less"
        )
