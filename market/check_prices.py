"""What can be wrong with prices; every test compares a close with its neighbours, its events or its calendar.

1. `missing_split`: the close moves by nearly a split ratio on a day without a split or dividend.
2. `split_not_followed`: a split is recorded and the close does not move by it.
3. `jump`: a total return beyond 40 % in a day without a corporate action; often real, worth a look.
4. `sources_disagree`: the derived total return and that of `adj_close` differ by more than 1 %.
5. `stale`: ten or more equal closes in a row, one finding a name, dated by the longest. `negative_volume`,
   `off_calendar`, `hole`, `no_prices`, `outside_life`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market import calendar
from market.check import Finding
from market.panel import Array, PricePanel

if TYPE_CHECKING:
    from market.market import Market

JUMP = 0.40
NEAR_A_RATIO = 0.02  # of the ratio: a split day's own return hides in it
SPLIT_RATIOS = np.array([2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0])
BIG_SPLIT = 1.5  # smaller ones (spin-offs) cannot be told from a day's move
DISAGREE = 0.01
STALE_SESSIONS = 10
HOLE_SESSIONS = 5


def check_prices(market: Market) -> list[Finding]:
    """Findings on the `prices` table."""
    panel = market.panel()
    stocks = (market.securities["type"] == "stock").to_numpy()
    found = _moves(panel, stocks) + _stale(panel, stocks) + _holes(panel)
    rows = market.rows("prices")
    found += _rows(rows, market)
    if {"close", "adj_close"} <= set(rows.columns):
        found += _two_sources(rows, panel)
    return found


def _finding(panel: PricePanel, t: int, i: int, kind: str, message: str, grave: bool) -> Finding:
    day = panel.sessions[t].date().isoformat()
    return Finding("prices", str(panel.tickers[i]), day, kind, message, "error" if grave else "warning")


def _moves(panel: PricePanel, stocks: np.ndarray) -> list[Finding]:
    returns = panel.total_returns()
    found = []
    with np.errstate(invalid="ignore"):
        quiet = (panel.split == 1.0) & (panel.dividend == 0.0)
        large = (np.abs(returns) > JUMP) & stocks
        unfollowed = (panel.split >= BIG_SPLIT) | (panel.split <= 1 / BIG_SPLIT)
    for t, i in np.argwhere(large & quiet).tolist():
        gross = 1.0 + returns[t, i]
        ratio = _near_ratio(gross)
        if ratio:
            found.append(
                _finding(panel, t, i, "missing_split", f"the close moves by {gross:.4f}, as {ratio} would", grave=True)
            )
        else:
            found.append(
                _finding(
                    panel, t, i, "jump", f"{returns[t, i]:+.1%} in a session without a corporate action", grave=False
                )
            )
    for t, i in np.argwhere(large & unfollowed & stocks).tolist():
        message = f"split {panel.split[t, i]:g} recorded, but the holder's return is {returns[t, i]:+.1%}"
        found.append(_finding(panel, t, i, "split_not_followed", message, grave=True))
    return found


def _near_ratio(gross: float) -> str:
    """The split that a gross return looks like ('2-for-1'), or ''."""
    for ratio in SPLIT_RATIOS:
        if abs(gross * ratio - 1.0) < NEAR_A_RATIO:
            return f"a missing {ratio:g}-for-1 split"
        if abs(gross / ratio - 1.0) < NEAR_A_RATIO:
            return f"a missing 1-for-{ratio:g} reverse split"
    return ""


def _stale(panel: PricePanel, stocks: np.ndarray) -> list[Finding]:
    found = []
    same = np.zeros(panel.close.shape, bool)
    same[1:] = panel.close[1:] == panel.close[:-1]
    for i in np.flatnonzero(same.any(axis=0) & stocks).tolist():
        runs = [(length + 1, first - 1) for first, length in _runs(same[:, i]) if length + 1 >= STALE_SESSIONS]
        if runs:
            length, first = max(runs)
            message = f"{length} equal closes in a row ({len(runs)} such stretches)"
            found.append(_finding(panel, first, i, "stale", message, grave=False))
    return found


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and length of each run of true flags.

    >>> _runs(np.array([False, True, True, False, True]))
    [(1, 2), (4, 1)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end - start)) for start, end in edges.reshape(-1, 2)]


def _holes(panel: PricePanel) -> list[Finding]:
    traded = ~np.isnan(panel.close)
    found = [
        Finding("prices", "", day.date().isoformat(), "no_prices", "a session without any price", "error")
        for day in panel.sessions[np.flatnonzero(~traded.any(axis=1))]
    ]
    open_days = np.asarray(traded.any(axis=1))
    for i in range(len(panel.tickers)):
        days = np.flatnonzero(traded[:, i])
        if not len(days):
            continue
        life = slice(int(days[0]), int(days[-1]) + 1)
        inside = ~traded[life, i] & open_days[life]
        found += [
            _finding(panel, int(days[0]) + start, i, "hole", f"no close for {length} sessions", grave=False)
            for start, length in _runs(inside)
            if length >= HOLE_SESSIONS
        ]
    return found


def _rows(rows: pd.DataFrame, market: Market) -> list[Finding]:
    found = []
    off = rows[~rows["date"].isin(calendar.nyse_sessions())]
    for day, names in off.groupby("date")["ticker"]:
        message = f"{len(names)} prices on a day the exchange was closed ({', '.join(map(str, names[:3]))})"
        found.append(
            Finding("prices", "", pd.Timestamp(str(day)).date().isoformat(), "off_calendar", message, "warning")
        )
    if "volume" in rows:
        found += [
            Finding("prices", str(row.ticker), str(row.date)[:10], "negative_volume", f"{row.volume:g}", "error")
            for row in rows[rows["volume"] < 0].itertuples()
        ]
    lives = market.securities[["first_date", "last_date"]]
    first, last = (rows["ticker"].map(lives[name]) for name in ("first_date", "last_date"))
    outside = rows[(rows["date"] < first) | (rows["date"] > last)]
    found += [
        Finding(
            "prices",
            str(ticker),
            "",
            "outside_life",
            f"{len(group)} prices outside the security's life left out",
            "info",
        )
        for ticker, group in outside.groupby("ticker")
    ]
    return found


def _two_sources(rows: pd.DataFrame, panel: PricePanel) -> list[Finding]:
    both = rows["close"].notna() & rows["adj_close"].notna()
    if not both.any():
        return []
    adjusted = rows[both].pivot(index="date", columns="ticker", values="adj_close")
    wide: Array = adjusted.reindex(index=panel.sessions, columns=panel.tickers).to_numpy(dtype=np.float64)
    returns = panel.total_returns()
    with np.errstate(invalid="ignore"):
        other = np.full(wide.shape, np.nan)
        other[1:] = wide[1:] / wide[:-1] - 1.0
        apart = np.abs(returns - other) > DISAGREE
    return [
        _finding(
            panel, t, i, "sources_disagree",
            f"total return {returns[t, i]:+.2%} from close, dividend and split, {other[t, i]:+.2%} from adj_close",
            grave=False,
        )
        for t, i in np.argwhere(apart).tolist()
    ]  # fmt: skip
