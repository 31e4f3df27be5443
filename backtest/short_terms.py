"""From a run's spec to what a short is held under, by session and name: caps, recalls, requirements, a swap.

1. Caps, USD a name may be short at most: the least of a ban (0), the shares known to be available times the close, a
   limit in USD, and nothing new on the session of a fall of 10 % and the one after (Regulation SHO 201).
2. Available shares count for 20 sessions after their date, never before it; a name without a row has no limit.
3. Recalls go by the fee that was known the evening before: dated fees from their date on, otherwise the tier.
4. Requirements are Regulation T or portfolio margin; the broker's own for shorts count where they are stricter. A
   basket held by swap is asked for its initial margin instead.

A cap never makes a short smaller, it stops it from growing. It is the account's: all legs that are short of a name
count together, a swap too (its dealer needs the same shares), and the leg that the config names first is served first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.carry import Swap
from backtest.dated_values import BPS, by_session, date_of, laid_out, read_csv, read_values, ticker_of, usual
from backtest.margin import Margin, portfolio_margin, regulation_t
from backtest.recalls import seeded_recalls
from market.errors import ConfigError, Problem
from screens.loading import Ref
from screens.reading import shown
from screens.wording import did_you_mean

if TYPE_CHECKING:
    from backtest.broadcast import Floats
    from backtest.short_spec import Recalls as Rules
    from backtest.simulate.sleeves import Recalls
    from backtest.spec import RunSpec
    from market import Market, PricePanel

UPTICK_FALL = -0.10  # Regulation SHO 201, on closes: the intraday low that triggers it may be lower
SESSIONS_PER_MONTH = 21


def short_caps(spec: RunSpec, data: Market, panel: PricePanel) -> Floats | float:
    """Largest short of each session and name, USD, (n_sessions, n_assets); infinite where nothing limits."""
    limits = spec.short_limits
    if not (limits.bans or limits.locates or limits.max_usd_per_name or limits.uptick_rule):
        return np.inf
    sessions, shape = panel.sessions, panel.close.shape
    cap = np.full(shape, np.inf if limits.max_usd_per_name is None else limits.max_usd_per_name)
    if limits.locates:
        if data.borrow is None:
            raise ConfigError(f"{spec.name}: short_limits.locates needs a borrow table, and the data have none")
        first = int(data.sessions.searchsorted(sessions[0]))
        shares = replace(data.borrow, fee=data.borrow.available)
        known = shares.booked(len(data.sessions), len(panel.tickers), both_sides=False)[first : first + len(sessions)]
        worth = known * panel.close
        cap = np.fmin(cap, worth)
    if limits.uptick_rule:
        carried = pd.DataFrame(panel.carried_close()).ffill()
        fell = (carried / carried.shift(1) - 1.0 <= UPTICK_FALL).to_numpy()
        cap[fell] = 0.0
        cap[1:][fell[:-1]] = 0.0
    for ticker, start, end in bans_of(spec, panel.tickers):
        inside = (sessions >= start) & (sessions <= end)
        cap[inside, panel.tickers.get_loc(ticker)] = 0.0
    return cap


def bans_of(spec: RunSpec, known: pd.Index) -> list[tuple[str, pd.Timestamp, pd.Timestamp]]:
    """`ticker, first day, last day` of every ban. Raises `ConfigError` for a ticker that the data do not know."""
    written = spec.short_limits.bans
    names = set(known)
    if not isinstance(written, Ref):
        for ban in written:
            if ban.ticker not in names:
                hint = did_you_mean(ban.ticker, names)
                raise ConfigError(f"{spec.name}: short_limits.bans: unknown ticker '{ban.ticker}'{hint}")
        return [(b.ticker, pd.Timestamp(b.start), pd.Timestamp(b.end or pd.Timestamp.max)) for b in written]
    found, problems = [], []
    for line, row in read_csv(written.target, {"ticker", "start"}, {"end"}):
        try:
            start = pd.Timestamp(date_of(row["start"]))
            end = pd.Timestamp(date_of(row["end"])) if row.get("end") else pd.Timestamp.max
            found.append((ticker_of(row["ticker"], names), start, end))
            if end < start:
                raise ValueError(f"the ban ends on {end.date()}, before it starts on {start.date()}")
        except ValueError as error:
            problems.append(Problem(str(shown(written.target)), line, row["ticker"] or "ticker", str(error)))
    if problems:
        raise ConfigError(problems)
    return found


def recalls_of(rules: Rules, panel: PricePanel, known_fee: Floats, stocks: np.ndarray) -> Recalls:
    """Recalls of every session and stock; index funds are not called back. known_fee: as known at each close."""
    drawn = seeded_recalls(
        panel.sessions,
        panel.tickers,
        known_fee,
        rules.seed,
        hazard=rules.hazard_per_month / SESSIONS_PER_MONTH,
        special_fee=rules.special_fee_bps * BPS,
        lock_sessions=rules.lock_sessions,
        general_collateral=rules.general_collateral,
    )
    return replace(drawn, recalled=drawn.recalled & stocks)


def margin_of(spec: RunSpec, panel: PricePanel, stocks: np.ndarray, by_swap: bool) -> Margin:
    """The requirements the account is measured by; enforced only where the spec says so."""
    rules = spec.margin
    if rules.rules == "portfolio":
        found = portfolio_margin(~stocks, rules.single_name_rate, rules.index_rate, rules.enforce)
    else:
        found = regulation_t(panel.close, rules.enforce)
    short, initial = found.maintenance_short, found.initial_short
    if by_swap:
        short = initial = np.where(stocks, spec.swap.initial_margin, np.asarray(short))
    if rules.house is not None:
        own = laid_out(
            read_values(rules.house.target, set(panel.tickers), low=0.0, high=10.0), panel.sessions, panel.tickers
        )
        short, initial = np.fmax(np.asarray(short), own), np.fmax(np.asarray(initial), own)
    return replace(found, maintenance_short=short, initial_short=initial)


def swap_of(spec: RunSpec, sessions: pd.DatetimeIndex) -> Swap:
    """The swap of the spec, whether the basket is held by it or not."""
    terms = spec.swap
    return Swap(
        spread=by_session(terms.spread_bps, usual(terms, "spread_bps"), sessions),
        initial_margin=terms.initial_margin,
        margin_spread=by_session(terms.margin_spread_bps, usual(terms, "margin_spread_bps"), sessions),
        reset=terms.reset,
    )
