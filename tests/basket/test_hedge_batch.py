"""Many hedges at once are each what `walk_forward` makes of them alone."""

import numpy as np
import pandas as pd
import pytest

from basket.hedge import walk_forward
from basket.hedge.batch import ols_walks
from market.errors import DataError

SESSIONS = pd.bdate_range("2020-01-02", periods=700)


def returns(seed: int = 3) -> tuple[pd.Series, pd.DataFrame]:
    draw = np.random.default_rng(seed)
    market = draw.normal(0.0004, 0.012, 700)
    book = pd.Series(1.1 * market + draw.normal(0, 0.006, 700), index=SESSIONS)
    hedges = market[:, None] * draw.uniform(0.2, 2.5, 9) + draw.normal(0, 0.009, (700, 9))
    return book, pd.DataFrame(hedges, index=SESSIONS)


@pytest.mark.parametrize("max_step", [None, 0.04])
def test_equal_to_each_walk_alone(max_step: float | None) -> None:
    book, hedges = returns()
    rules = {"window": 252, "min_sessions": 120, "band": 0.03, "bounds": (0.1, 1.2), "max_step": max_step}
    dates = SESSIONS[::5]
    together = ols_walks(book, hedges, dates, **rules)
    for column in hedges:
        alone = walk_forward("ols", book, hedges[column], dates=dates, **rules)["target"]
        pd.testing.assert_series_equal(together[column], alone, check_names=False, check_freq=False, rtol=1e-9)


def test_a_gap_is_refused() -> None:
    book, hedges = returns()
    hedges.iloc[5, 2] = np.nan
    with pytest.raises(DataError, match="without a gap"):
        ols_walks(book, hedges, SESSIONS[::5], window=252, min_sessions=120, band=0.0, bounds=(0, 2))


def test_too_little_history_is_refused() -> None:
    book, hedges = returns()
    with pytest.raises(DataError, match="120 sessions are needed"):
        ols_walks(book, hedges, SESSIONS[:100], window=252, min_sessions=120, band=0.0, bounds=(0, 2))
