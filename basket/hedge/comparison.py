"""All estimators side by side, walk-forward, on the same sessions.

1. Every estimator walks forward under the same window, step, bounds and band; those that cannot run say why.
2. They are judged on the sessions on which all of them hold a ratio. One that begins long after the reference would
   take those months from the others: it is judged on its own sessions, beside the reference on them.
3. In sample is one static ratio fitted on those very sessions; out of sample is the walk-forward path.
4. Intervals come from one set of stationary-bootstrap rows shared by all, so that they can be compared.
5. Each is tested against a reference: the difference of squared demeaned hedged returns, bootstrapped about zero; and
   the best of those with one instrument against what the best of as many equals would show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from basket.hedge.best_of_many import best_of_many
from basket.hedge.bootstrap import Rows, optimal_block, percentile_interval, stationary_rows
from basket.hedge.history import Array
from basket.hedge.judged import LEAST_SESSIONS, by_length, judged_on
from basket.hedge.measures import RISKS, TRADING_SESSIONS_PER_YEAR, ratio_effectiveness, saved_points
from basket.hedge.registry import REGISTRY, Parameter, estimate, estimator
from basket.hedge.walk import BAND, BOUNDS, STEP, WINDOW, hedged_returns, held_ratio, walk_forward
from market.errors import ConfigError, DataError, HedgeBasketError

MEASURES = ("variance", "semivariance", "cvar_95", "max_drawdown")
DRAWS_AT_ONCE = 64


@dataclass(frozen=True)
class PairedTest:
    """Is one hedge's variance lower than another's?

    difference  mean squared demeaned return of the first less that of the second, per session; negative favours the
                first
    low, high   95 % interval of the difference
    p_value     two-sided, of no difference
    """

    difference: float
    low: float
    high: float
    p_value: float
    mean_block: float


def paired_test(first: pd.Series, second: pd.Series, n_draws: int = 2000, seed: int = 7) -> PairedTest:
    """Stationary bootstrap of the difference of squared hedged returns, about their means, on shared sessions.

    Block length by Politis and White on that difference. Raises `DataError` below sixty shared sessions.
    """
    both = pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(dtype=np.float64)
    if len(both) < LEAST_SESSIONS:
        raise DataError(f"a paired test needs {LEAST_SESSIONS} shared sessions, has {len(both)}")
    moved = both - both.mean(axis=0)
    gap = moved[:, 0] ** 2 - moved[:, 1] ** 2
    block = optimal_block(gap)
    return _test(gap, stationary_rows(len(gap), n_draws, block, seed), block)


def walk_forward_all(
    long_returns: pd.Series,
    hedge_returns: pd.Series,
    *,
    kinds: Sequence[str] | None = None,
    params: Mapping[str, Mapping[str, Parameter]] | None = None,
    market: pd.Series | None = None,
    factors: pd.DataFrame | None = None,
    instruments: pd.DataFrame | None = None,
    window: int | None = WINDOW,
    step: int = STEP,
    dates: Iterable[object] | None = None,
    purge: int = 0,
    band: float = BAND,
    bounds: tuple[float, float] = BOUNDS,
    max_step: float | None = None,
    min_sessions: int | None = None,
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """The path of every estimator, and for those that could not run the reason.

    kinds    names of `ESTIMATORS`; default all
    params   keywords by estimator; `market`, `factors` and `instruments` go to whichever needs them

    The rest is as in `walk_forward`.
    """
    days = None if dates is None else list(dates)
    paths: dict[str, pd.DataFrame] = {}
    refused: dict[str, str] = {}
    for kind in kinds if kinds is not None else REGISTRY:
        given = _params(kind, params or {}, {"market": market, "factors": factors, "instruments": instruments})
        try:
            paths[kind] = walk_forward(
                kind,
                long_returns,
                hedge_returns,
                window=window,
                step=step,
                dates=days,
                purge=purge,
                band=band,
                bounds=bounds,
                max_step=max_step,
                min_sessions=min_sessions,
                params=given,
            )
        except HedgeBasketError as reason:
            if not given and not estimator(kind).required and isinstance(reason, ConfigError):
                raise  # a setting of the walk itself is wrong, for every estimator alike
            refused[kind] = str(reason)
    return paths, refused


def compare(
    long_returns: pd.Series,
    hedge_returns: pd.Series,
    *,
    kinds: Sequence[str] | None = None,
    params: Mapping[str, Mapping[str, Parameter]] | None = None,
    market: pd.Series | None = None,
    factors: pd.DataFrame | None = None,
    instruments: pd.DataFrame | None = None,
    window: int | None = WINDOW,
    step: int = STEP,
    dates: Iterable[object] | None = None,
    purge: int = 0,
    band: float = BAND,
    bounds: tuple[float, float] = BOUNDS,
    max_step: float | None = None,
    min_sessions: int | None = None,
    cost_bps: float = 5.0,
    reference: str = "ols",
    n_draws: int = 1000,
    seed: int = 7,
) -> pd.DataFrame:
    """One row an estimator: its ratio, its effectiveness in and out of sample, its turnover, and whether it differs.

    long_returns, hedge_returns  simple returns by session
    market, factors, instruments further returns for the estimators that need them; without, those cannot run
    cost_bps                     one-way cost of changing the ratio, bps of the notional traded
    reference                    what the others are tested against

    Columns: `ratio_mean, ratio_last, ratio_sd` of the held ratio; `in_sample_ratio, stderr` of the static fit; for
    variance, semivariance, cvar_95 and max_drawdown `_in_sample, _out_of_sample, _low, _high, _points` (see
    `measures.saved_points`); `volatility` of the hedged book; `hedge_annual`, what the hedge made a year (a loss where
    prices rose); `turnover_per_year` of the ratio and `cost_bps_per_year`; `variance_vs_reference` (share of the book's
    variance, negative is better) with `p_value`; `n_refits, n_refused`; and `reason` for those that could not run.
    Returns are before those costs. `judged_from` is later than `attrs["start"]` for those that begin late;
    `attrs["further_ratios"]` holds mean ratios of an estimator's further instruments, `attrs["best_p_value"]` the
    p-value of the best of `n_tried`, see `best_of_many`.

    Raises `DataError` where nothing can run, or fewer than sixty sessions are common to all that can.
    """
    paths, refused = walk_forward_all(
        long_returns,
        hedge_returns,
        kinds=kinds,
        params=params,
        market=market,
        factors=factors,
        instruments=instruments,
        window=window,
        step=step,
        dates=dates,
        purge=purge,
        band=band,
        bounds=bounds,
        max_step=max_step,
        min_sessions=min_sessions,
    )
    if not paths:
        raise DataError("no estimator can run on these returns: " + "; ".join(f"{k}: {v}" for k, v in refused.items()))
    hedged = {kind: hedged_returns(long_returns, hedge_returns, path, instruments) for kind, path in paths.items()}
    against = reference if reference in paths else next(iter(paths))
    judged, too_late = judged_on(hedged, against, long_returns)
    refused |= too_late
    block = optimal_block(judged[against].book_squares - judged[against].squares)
    rows_of = by_length(judged, lambda n: stationary_rows(n, n_draws, block, seed))
    books: dict[int, dict[str, Array]] = {}
    lines: dict[str, dict[str, float | str]] = {}
    extra = {"market": market, "factors": factors, "instruments": instruments}
    for kind, one in judged.items():
        path, sessions, values, book = paths[kind], one.sessions, one.hedged, one.book
        rows = rows_of[len(values)]
        if len(values) not in books:
            books[len(values)] = _drawn(book, rows)
        drawn_book = books[len(values)]
        line = _ratio_line(path, sessions, cost_bps) | {"judged_from": str(sessions[0].date())}
        static, fitted = _static(kind, long_returns, hedge_returns, sessions, _params(kind, params or {}, extra))
        line |= fitted
        drawn = _drawn(values, rows)
        for measure in MEASURES:
            risk_book, risk_hedged = float(RISKS[measure](book)), float(RISKS[measure](values))
            low, high = percentile_interval(ratio_effectiveness(drawn_book[measure], drawn[measure]))
            inside = float("nan") if static is None else float(ratio_effectiveness(risk_book, RISKS[measure](static)))
            line |= {
                f"{measure}_in_sample": inside,
                f"{measure}_out_of_sample": float(ratio_effectiveness(risk_book, risk_hedged)),
                f"{measure}_low": low,
                f"{measure}_high": high,
                f"{measure}_points": float(saved_points(measure, risk_book, risk_hedged)),
            }
        test = _test(one.squares - one.reference_squares, rows, 0.0)
        line |= {
            "volatility": float(values.std(ddof=1) * np.sqrt(TRADING_SESSIONS_PER_YEAR)),
            "hedge_annual": float((values - book).mean() * TRADING_SESSIONS_PER_YEAR),
            "variance_vs_reference": test.difference / float(np.var(book)),
            "p_value": test.p_value if kind != against else float("nan"),
        }
        lines[kind] = line
    shared = judged[against].sessions
    alike = {
        kind: one.squares - one.reference_squares
        for kind, one in judged.items()
        if kind != against and not _further(paths[kind], shared) and one.sessions.equals(shared)
    }
    best, best_p = best_of_many(alike, rows_of[len(shared)])
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame["reason"] = ""
    frame = frame.reindex(list(kinds if kinds is not None else REGISTRY))
    frame["reason"] = [refused.get(str(kind), "") for kind in frame.index]
    frame.index.name = "estimator"
    frame.attrs = {
        "n_sessions": len(judged[against].sessions),
        "start": str(judged[against].sessions[0].date()),
        "end": str(judged[against].sessions[-1].date()),
        "reference": against,
        "best": best,
        "best_p_value": best_p,
        "n_tried": len(alike),
        "further_ratios": {kind: _further(paths[kind], one.sessions) for kind, one in judged.items()},
    }
    return frame


def _params(
    kind: str, params: Mapping[str, Mapping[str, Parameter]], extra: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """An estimator's own keywords, and of the shared series those it knows."""
    shared = {name: extra[name] for name in estimator(kind).series if extra.get(name) is not None}
    return {**shared, **params.get(kind, {})}


def _further(path: pd.DataFrame, sessions: pd.Index) -> dict[str, float]:
    """Mean ratio of each further instrument of a path."""
    names = [name for name in path.columns if name.startswith("target:")]
    return {name.partition(":")[2]: float(held_ratio(path[name], sessions).mean()) for name in names}


def _ratio_line(path: pd.DataFrame, sessions: pd.Index, cost_bps: float) -> dict[str, float | str]:
    targets = [name for name in path.columns if name.startswith("target")]
    held = held_ratio(path["target"], sessions).to_numpy(dtype=np.float64)
    moves = sum(np.abs(np.diff(held_ratio(path[name], sessions).to_numpy(dtype=np.float64))).sum() for name in targets)
    turnover = float(moves) * TRADING_SESSIONS_PER_YEAR / len(sessions)
    return {
        "ratio_mean": float(held.mean()),
        "ratio_last": float(path["target"].iloc[-1]),
        "ratio_sd": float(held.std()),
        "turnover_per_year": turnover,
        "cost_bps_per_year": turnover * cost_bps,
        "n_refits": float(len(path)),
        "n_refused": float((path["refused"] != "").sum()),
    }


def _static(
    kind: str, book: pd.Series, hedge: pd.Series, sessions: pd.Index, params: Mapping[str, Parameter]
) -> tuple[Array | None, dict[str, float | str]]:
    """Returns of the book hedged by the ratios fitted on these sessions, and the fit; None where it refuses."""
    cut = {
        name: of.reindex(sessions) if isinstance(of, pd.Series | pd.DataFrame) else of for name, of in params.items()
    }
    book, hedge = book.reindex(sessions), hedge.reindex(sessions)
    try:
        found = estimate(kind, book, hedge, **cut)
    except DataError:
        return None, {"in_sample_ratio": float("nan"), "stderr": float("nan")}
    hedged = book - found.value * hedge
    ratios = found.diagnostics.get("ratios")
    further = cut.get("instruments")
    if isinstance(ratios, dict) and isinstance(further, pd.DataFrame):
        hedged = hedged - sum(ratios[str(name)] * further[name] for name in further)
    return hedged.to_numpy(dtype=np.float64), {"in_sample_ratio": found.value, "stderr": found.stderr}


def _drawn(returns: Array, rows: Rows) -> dict[str, Array]:
    """Every risk on every resample."""
    drawn = {measure: np.empty(len(rows)) for measure in MEASURES}
    for start in range(0, len(rows), DRAWS_AT_ONCE):
        some = returns[rows[start : start + DRAWS_AT_ONCE]]
        for measure in MEASURES:
            drawn[measure][start : start + len(some)] = RISKS[measure](some)
    return drawn


def _test(gap: Array, rows: Rows, block: float) -> PairedTest:
    mean = float(gap.mean())
    means = np.array([gap[one].mean() for one in rows])
    low, high = percentile_interval(means)
    # the draws centred on zero are what no difference looks like; the data count as one draw
    extreme = int((np.abs(means - mean) >= abs(mean)).sum())
    return PairedTest(mean, low, high, (1 + extreme) / (1 + len(rows)), block)
