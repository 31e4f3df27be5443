"""One screen on one date: from a view to ranked names, each with its reasons.

1. Admit the universe; choose the population among which ranks are formed.
2. Compute every metric once.
3. Apply the rules: they filter the result, not the population.
4. Score the blocks among the population and weigh them (`blocks`).
5. Smooth over earlier dates where the spec asks for it (`smoothing`).
6. Rank the names that are admitted, passed and scored: rank 1 is the worst company, the most shortable.

The order of names, metrics, blocks and rules never changes a bit of the result.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from screens.blocks import composite, score_block
from screens.loading import load
from screens.measurement import Measurements
from screens.metrics import REGISTRY
from screens.rules import evaluate_rules
from screens.scoring import Flags, Floats, Ints
from screens.screened import Screened, rank_worst_first
from screens.spec import ScreenSpec, Universe
from screens.universe import Admission, admit, check_tickers

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from market.market import Market
    from market.view import View

SWITCH_SECONDS = 5e-4
MOST_THREADS = 4  # that measure ahead; beyond, one thread cannot rank as fast


def run(
    screen: str | Path | ScreenSpec,
    data: Market | View,
    as_of: str | pd.Timestamp | None = None,
    exclude: Collection[str] = (),
    incumbents: Collection[str] = (),
) -> pd.DataFrame:
    """Ranked names of a screen, worst first.

    screen: a spec or the path of one. data: a market with `as_of` a session of it (by default the last), or a view.
    exclude: tickers to leave out, with every line of their issuers. incumbents: tickers held now, for the buffer.
    Returns one row per ranked name, indexed by ticker: `rank`, `score`, `selected`, `sector`, for each block its
    z-score and its percentile, then the metrics in their own units.
    Raises `ConfigError` for a wrong spec, `DataError` for a date outside the data or where nobody can be ranked.
    """
    spec = screen if isinstance(screen, ScreenSpec) else load(screen, ScreenSpec)
    view = as_view(data, as_of)
    screened = evaluate(spec, view, issuers_of(view, exclude))
    screened.require_names()
    return screened.ranked(incumbents)


def as_view(data: Market | View, as_of: str | pd.Timestamp | None = None) -> View:
    """The view of a market at a session, by default its last; a view passes through."""
    from market.market import Market

    if not isinstance(data, Market):
        return data
    return data.as_of(data.end if as_of is None else as_of)


def issuers_of(view: View, tickers: Collection[str]) -> frozenset[str]:
    """The issuers behind some tickers; a ticker that is not in the data has none."""
    wanted = set(tickers)
    pairs = zip(view.tickers, view.issuer(), strict=True)
    return frozenset(str(issuer) for ticker, issuer in pairs if ticker in wanted and issuer)


def evaluate(spec: ScreenSpec, view: View, exclude_issuers: Collection[str] = frozenset()) -> Screened:
    """The screen on the view's date; `exclude_issuers` are left out with all their share lines."""
    now = evaluate_once(spec, view, exclude_issuers)
    if spec.smoothing is None:
        return now
    from screens.smoothing import smoothed

    return smoothed(spec.smoothing, now, exclude_issuers)


def evaluate_dates(
    spec: ScreenSpec,
    data: Market,
    sessions: Sequence[pd.Timestamp | str],
    exclude_issuers: Collection[str] = frozenset(),
) -> list[Screened]:
    """The screen on each of several sessions, in their order and without smoothing; the same as one by one.

    Dates share nothing but the market. Figures of prices are long sums in compiled code, which holds no lock of the
    interpreter: after the first date has built what all of them read, threads measure those ahead while this one does
    the rest, date by date. Whole dates in threads would wait for each other at every small array.
    """
    views = [data.as_of(session) for session in sessions]
    found = [evaluate_once(spec, view, exclude_issuers) for view in views[:1]]
    rest = [Measurements(view) for view in views[1:]]
    with _lock_handed_on(), ThreadPoolExecutor(min(MOST_THREADS, max((os.cpu_count() or 1) - 1, 1))) as pool:
        ahead = [pool.submit(_measure_prices, spec, measured) for measured in rest]
        for done, measured in zip(ahead, rest, strict=True):
            done.result()
            found.append(evaluate_once(spec, measured.view, exclude_issuers, measured))
    return found


@contextlib.contextmanager
def _lock_handed_on() -> Iterator[None]:
    """The interpreter's lock changes hands after half a millisecond, not five: threads of short steps wait less."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _measure_prices(spec: ScreenSpec, measured: Measurements) -> None:
    """What a screen reads off prices: the universe's trading volume, and the metrics that need them."""
    measured.view.dollar_volume(spec.universe.dollar_volume_sessions)
    for call in spec.calls():
        if "table:prices" in REGISTRY[call.metric].needs:
            measured.values(call)


def evaluate_once(
    spec: ScreenSpec,
    view: View,
    exclude_issuers: Collection[str] = frozenset(),
    measured: Measurements | None = None,
) -> Screened:
    """The screen on the view's date alone, without smoothing; `measured` are figures of the view that are there."""
    check_tickers(spec, view.tickers)
    measured = measured or Measurements(view)
    tags = str(spec.tags.target) if spec.tags else None
    admission = admit(spec.universe, view, exclude_issuers, tags)
    population = _population(spec, view, admission)
    groups = {"sector": _codes(view.sector()), "industry": _codes(view.industry())}
    outcome = evaluate_rules(spec.rules, measured, population, groups, tags)
    if spec.population == "passed":
        population = population & outcome.passed
    labels = spec.labels()
    blocks = {
        name: score_block(spec.blocks[name], labels, measured, population, groups) for name in sorted(spec.blocks)
    }
    score: Floats = np.where(admission.admitted, composite(blocks, spec.blocks, len(view.tickers)), np.nan)
    eligible = admission.admitted & outcome.passed
    return Screened(
        spec=spec,
        view=view,
        admission=admission,
        population=population,
        outcome=outcome,
        eligible=eligible,
        blocks=blocks,
        score=score,
        rank=rank_worst_first(np.where(eligible, score, np.nan), np.asarray(view.tickers, dtype=object)),
        values={labels[call.key()]: measured.values(call) for call in spec.calls()},
    )


def _population(spec: ScreenSpec, view: View, admission: Admission) -> Flags:
    if not isinstance(spec.population, Universe):
        return admission.admitted
    return admit(spec.population, view, tags=str(spec.tags.target) if spec.tags else None).admitted


def _codes(texts: NDArray[np.object_]) -> Ints:
    """A whole number per group of names, in alphabetical order; -1 where unknown."""
    import pandas as pd

    codes, names = pd.factorize(texts, sort=True)
    return codes - 1 if names.size and names[0] == "" else codes
