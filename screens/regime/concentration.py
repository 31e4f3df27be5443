"""Concentration, divergence and dispersion: how much of the index is a few companies, and how alike the rest move.

1. Weights are market caps of the day's members, one line per issuer, summing to one.
2. Cap- and equal-weighted returns hold the members and weights of the session before; windows compound.
3. Dispersion is the weighted standard deviation of members' returns about the index, averaged over sessions.
4. Implied correlation is the average one that reconciles the index's variance with its members':
   (var_I - sum w2 var_i) / ((sum w sd_i)2 - sum w2 var_i), at the weights of the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.regime.registry import signal
from screens.regime.rolling import Array, compounded, rolling_mean, rolling_sum

if TYPE_CHECKING:
    from screens.regime.tape import Tape

SEVEN = "AAPL,AMZN,GOOGL,META,MSFT,NVDA,TSLA"
WINDOW = {"window": (5.0, 504.0)}
NOTE = "market note of November 2025"
FEWEST_MEMBERS = 20  # fewer names make no index


@signal(
    unit="share of index",
    fragile="high",
    definition="share of the members' market cap that the issuers of {tickers} hold",
    source=NOTE,
    needs=("market_cap", "members"),
)
def mega_cap_share(tape: Tape, *, tickers: str = SEVEN) -> Array:
    """The list is today's and fixed: before 2023 nobody called these seven by one name."""
    issuers = tape.data.securities["issuer"].to_numpy(dtype=object)
    named = np.isin(tape.tickers, [name.strip() for name in tickers.split(",")])
    held = np.isin(issuers, issuers[named]) & (issuers != "") | named
    return np.asarray(np.where(held, tape.weights, 0.0).sum(axis=1))


@signal(
    unit="share of index",
    fragile="high",
    definition="share of the members' market cap in the {count} largest issuers",
    source=NOTE,
    needs=("market_cap", "members"),
    bounds={"count": (1.0, 100.0)},
)
def top_share(tape: Tape, *, count: int = 10) -> Array:
    weights = tape.weights
    largest = np.partition(np.nan_to_num(weights), weights.shape[1] - count, axis=1)[:, -count:].sum(axis=1)
    return np.where(np.isfinite(weights).any(axis=1), largest, np.nan)


@signal(
    unit="index (0-1)",
    fragile="high",
    definition="Herfindahl index of the members' market caps, one line per issuer; 1 / it is the effective number",
    source="Hirschman (1964), American Economic Review 54(5)",
    needs=("market_cap", "members"),
)
def herfindahl(tape: Tape) -> Array:
    return np.asarray((tape.weights**2).sum(axis=1))


@signal(
    unit="return",
    fragile="high",
    definition="cap-weighted less equal-weighted return of the members over {window} sessions",
    source=NOTE,
    needs=("prices", "market_cap", "members"),
    bounds=WINDOW,
)
def cap_minus_equal(tape: Tape, *, window: int = 63) -> Array:
    return compounded(tape.cap_weighted_return, window) - compounded(tape.equal_weighted_return, window)


@signal(
    unit="return",
    fragile="high",
    definition="return of the dated AI basket less the equal-weighted members' over {window} sessions",
    source="own definition",
    needs=("prices", "members"),
    bounds=WINDOW,
    paths=("basket",),
)
def ai_minus_equal(tape: Tape, *, basket: str, window: int = 63) -> Array:
    from screens.ai_basket import AiBasketSpec, factor_returns, live
    from screens.loading import load

    spec = load(basket, AiBasketSpec)
    counts = live(spec, tape.tickers.tolist(), tape.sessions.to_numpy().astype("datetime64[D]"))
    factor, _, _ = factor_returns(tape.returns, counts, spec.fewest)
    return compounded(factor, window) - compounded(tape.equal_weighted_return, window)


@signal(
    unit="return a session",
    fragile="high",
    definition="mean over {window} sessions of sqrt(sum of w (r - r_index)^2), weights of the session before",
    source="Solnik and Roulet (2000), Financial Analysts J. 56(1)",
    needs=("prices", "market_cap", "members"),
    bounds=WINDOW,
)
def dispersion(tape: Tape, *, window: int = 21) -> Array:
    known = np.isfinite(tape.returns)
    weights = np.where(known, np.nan_to_num(tape.weights_before), 0.0)
    total = weights.sum(axis=1)
    away = np.where(known, tape.returns - tape.cap_weighted_return[:, None], 0.0) ** 2
    squares = (weights * away).sum(axis=1) / np.where(total > 0, total, np.nan)
    return rolling_mean(np.sqrt(squares), window)


@signal(
    unit="correlation",
    fragile="low",
    definition="(var_index - sum w2 var) / ((sum w sd)2 - sum w2 var) of daily returns over {window} sessions",
    source="Skintzi and Refenes (2005), J. Futures Markets 25(2)",
    needs=("prices", "market_cap", "members"),
    bounds=WINDOW,
)
def implied_correlation(tape: Tape, *, window: int = 63) -> Array:
    variance = _variance(tape.returns, window)
    weights = np.where(np.isfinite(variance), np.nan_to_num(tape.weights), 0.0)
    weights = weights / np.where(weights.sum(axis=1) > 0, weights.sum(axis=1), np.nan)[:, None]
    variance = np.nan_to_num(variance)
    own = (weights**2 * variance).sum(axis=1)
    whole = (weights * np.sqrt(variance)).sum(axis=1) ** 2
    few = (weights > 0).sum(axis=1) < FEWEST_MEMBERS
    correlation = (_variance(tape.cap_weighted_return, window) - own) / (whole - own)
    return np.where(few, np.nan, correlation)


def _variance(returns: Array, window: int) -> Array:
    """Variance over the last `window` rows, one degree of freedom lost; NaN where one is missing."""
    total, squares = rolling_sum(returns, window), rolling_sum(returns**2, window)
    return np.asarray(np.maximum(squares - total**2 / window, 0.0) / (window - 1))
