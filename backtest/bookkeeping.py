"""Plain bookkeeping of an account, share by share: the working parts of `ledger`.

1. `Pile`: one sleeve, shares as traded by name and the mix it was last given.
2. `Books.mark`: splits, closes, halts and endings of a session. `Books.nights`: accruals on yesterday's shares.
3. `Books.trade`: who leaves, who is sized again, at which sizes after costs; limits, margin and cost name by name.
4. Only names that are ever a target are kept: the others cannot matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from backtest.broadcast import Floats, Varying, over
from backtest.carry import MONEY_MARKET_YEAR, day_counts
from backtest.simulate.account import Account, ShortSleeve

TURNS = 200  # of the after-cost sizing; each gains several digits


@dataclass
class Pile:
    """One sleeve: shares as traded by name, and the weights it was last given."""

    name: str
    sign: int
    targets: dict[int, Floats]
    short: ShortSleeve | None
    shares: Floats
    mix: Floats  # shares per dollar of weight, split with the shares
    member: np.ndarray
    total: float = 0.0
    ratio: float = 0.0
    benched: dict[int, float] = field(default_factory=dict)  # recalled names and the mix they return with
    barred_until: dict[int, int] = field(default_factory=dict)
    notional: float = 0.0
    waiting: int = 0  # sessions left to work an unfilled rest
    going: bool = False
    aim: Floats | None = None


class Books:
    """The running account. One method a step of a day."""

    def __init__(self, account: Account) -> None:
        self.account = account
        panel = account.panel
        every = [
            w for targets in (account.long_targets, *(s.targets for s in account.shorts)) for w in targets.values()
        ]
        self.use = use = np.flatnonzero(np.any([np.asarray(w) != 0 for w in every], axis=0)) if every else np.arange(0)
        self.n_sessions, self.n_assets = len(panel.sessions), len(use)

        def by_session(value: Varying, name: str) -> Floats:
            return over(value, self.n_sessions, 1, name)[:, 0]

        def by_name(value: Varying, name: str) -> Floats:
            return over(value, self.n_sessions, len(panel.tickers), name, missing=True)[:, use]

        self.close = np.array(panel.close, dtype=np.float64)[:, use]
        self.split = np.asarray(panel.split, dtype=np.float64)[:, use]
        self.dividend = np.nan_to_num(np.asarray(panel.dividend, dtype=np.float64)[:, use])
        terms = account.financing
        self.year = day_counts(panel.sessions, terms.settlement) / MONEY_MARKET_YEAR
        self.benchmark = by_session(terms.benchmark, "benchmark")
        self.rebate_spread = by_session(terms.rebate_spread, "rebate_spread")
        self.credit_spread = by_session(terms.credit_spread, "credit_spread")
        self.debit_spread = by_session(terms.debit_spread, "debit_spread")
        self.exposure = by_session(account.exposure, "exposure")
        self.fee = by_name(account.borrow_fee, "borrow_fee")
        c = account.costs
        self.half_spread = by_name(c.half_spread, "half_spread")
        self.commission = by_name(c.commission, "commission")
        self.sell_fee = by_name(c.sell_fee, "sell_fee")
        self.sigma = None if c.volatility is None else by_name(c.volatility, "volatility")
        self.adv = None if c.adv_usd is None else by_name(c.adv_usd, "adv_usd")
        self.cap = by_name(account.short_cap_usd, "short_cap_usd")
        self.margin = account.margin if account.margin is not None and account.margin.enforce else None
        if self.margin is not None:
            m = self.margin
            self.maintain = {1: by_name(m.maintenance_long, "m"), -1: by_name(m.maintenance_short, "m")}
            self.initial = {1: by_name(m.initial_long, "m"), -1: by_name(m.initial_short, "m")}
        self.works = bool(np.isfinite(c.participation) or np.isfinite(self.cap).any())
        self.lingers = bool(np.isfinite(c.participation)) or self.margin is not None
        self.called = False
        self.last_known = np.full(self.n_assets, self.n_sessions)
        self.payout = np.zeros(self.n_assets)
        if account.delistings is not None:
            for k, i in enumerate(use):
                day = account.delistings.last_session[i]
                if not np.isnat(day):
                    self.last_known[k] = int((panel.sessions <= pd.Timestamp(day)).sum()) - 1
                value = account.delistings.total_return[i]
                self.payout[k] = 0.0 if np.isnan(value) else value
        for k in range(self.n_assets):
            self.close[self.last_known[k] + 1 :, k] = np.nan
        self.price = np.zeros(self.n_assets)  # last mark, as traded
        self.missing = np.full(self.n_assets, -1)  # sessions since the last trade
        self.piles = book_piles(account, use)
        self.piles += [pile_of(s.name, -1, {t: w[use] for t, w in s.targets.items()}, s) for s in account.shorts]
        self.cash = account.initial_nav
        self.nav = account.initial_nav

    # --- the market of the day -----------------------------------------------------------------------------------
    def mark(self, t: int) -> None:
        """Splits first, then today's closes; names without one keep their mark until they are given up."""
        for pile in self.piles:
            pile.shares *= self.split[t]
            pile.mix *= self.split[t]
            if pile.aim is not None:
                pile.aim *= self.split[t]
            for i in pile.benched:
                pile.benched[i] *= self.split[t, i]
        seen = np.isfinite(self.close[t])
        self.resumed = seen & (self.missing > 0)
        self.price = np.where(seen, self.close[t], self.price / self.split[t])
        self.missing = np.where(seen, 0, np.where(self.missing >= 0, self.missing + 1, -1))
        announced = t == self.last_known + 1
        given_up = (self.missing == self.account.max_halt_sessions + 1) & (t <= self.last_known)
        self.trades = seen
        self.ends = (self.missing > 0) & (announced | given_up)
        already = (self.missing > self.account.max_halt_sessions + 1) & announced
        self.price = np.where(self.ends & ~already, self.price * np.maximum(1.0 + self.payout, 1e-6), self.price)

    # --- overnight -----------------------------------------------------------------------------------------------
    def nights(self, t: int, line: dict[str, Floats], yesterday: Floats) -> None:
        """Accruals on yesterday's shares (before today's split) and marks, then dividends on today's shares."""
        own = self.nav
        for pile in self.piles:
            worth = pile.shares * yesterday
            if pile.sign > 0:
                own -= worth.sum()
                continue
            rate = self.benchmark[t - 1] - self.rebate_spread[t - 1]
            notional = worth.sum()
            owed = np.where(pile.shares > 0, self.fee[t - 1], 0.0)
            swap = None if pile.short is None else pile.short.swap
            if swap is not None:
                owed = np.zeros(self.n_assets)
                rate = self.benchmark[t - 1] - over(swap.spread, self.n_sessions, 1, "swap")[t - 1, 0]
                rate -= swap.initial_margin * over(swap.margin_spread, self.n_sessions, 1, "margin_spread")[t - 1, 0]
                notional = pile.notional if swap.reset == "event" else notional
            line["borrow"][t] -= (owed * worth).sum() * self.year[t]
            line["rebate"][t] += rate * notional * self.year[t]
        if own >= 0:
            line["interest"][t] = own * (self.benchmark[t - 1] - self.credit_spread[t - 1]) * self.year[t]
        else:
            line["margin"][t] = own * (self.benchmark[t - 1] + self.debit_spread[t - 1]) * self.year[t]

    # --- who is in a sleeve, and what is due ----------------------------------------------------------------------
    def due(self, pile: Pile, t: int, whole: bool) -> str:
        """'', 'close' (some names leave) or 'size' (the sleeve is sized again); updates the sleeve's mix."""
        recalls = None if pile.short is None else pile.short.recalls
        leaving = pile.member & self.ends
        if recalls is not None:
            called = pile.member & recalls.recalled[t, self.use] & self.trades
            leaving |= called
            for i in np.flatnonzero(called):
                pile.barred_until[int(i)] = t + recalls.lock_sessions
        locked = np.array([pile.barred_until.get(i, -1) >= t for i in range(self.n_assets)], dtype=bool)
        if t in pile.targets:
            weights = pile.targets[t]
            asked = weights > 1e-12
            pile.total = weights[asked].sum()
            halted = pile.member & ~self.trades & ~leaving
            chosen = asked & ((self.trades & ~locked) | halted)
            pile.mix = np.array([weights[i] / self.price[i] if chosen[i] else 0.0 for i in range(self.n_assets)])
            pile.benched = {
                int(i): weights[i] / self.price[i] for i in np.flatnonzero(asked & locked & (self.price > 0))
            }
            lingering = pile.member & ~self.ends & self.lingers
            pile.member = chosen | halted | lingering
            return "size"
        gone = leaving | (pile.member & (pile.mix == 0) & self.resumed)
        action = ""
        if gone.any():
            for i in np.flatnonzero(gone & ~self.ends & (pile.mix > 0)):
                if recalls is not None:
                    pile.benched[int(i)] = pile.mix[i]
            pile.mix = np.where(gone, 0.0, pile.mix)
            pile.member = pile.member & ~(self.ends if self.lingers else gone)
            action = "close"
        for back in [i for i in pile.benched if not locked[i] and self.trades[i]]:
            pile.mix[back] = pile.benched.pop(back)
            pile.member[back] = True
            action = "size"
        return "size" if whole else action

    # --- the close -----------------------------------------------------------------------------------------------
    def trade(self, t: int, line: dict[str, Floats]) -> None:
        todo: dict[str, str] = {}
        resized = False
        for pile in self.piles:
            began = any(first <= t for first in pile.targets)
            whole = False
            if pile.short is not None:
                asked = np.broadcast_to(np.asarray(pile.short.ratio, dtype=float), (self.n_sessions,))[t]
                if not np.isnan(asked) and asked != pile.ratio:
                    pile.ratio, whole = float(asked), True
                whole |= resized or (pile.short.refresh is not None and bool(pile.short.refresh[t]))
            action = self.due(pile, t, whole and began) if began else ""
            pile.going = False
            if action == "size":
                pile.waiting = self.account.costs.work_sessions if self.works else 0
            elif pile.waiting > 0:
                pile.waiting -= 1
                pile.going = True
                action = action or "work"
            if self.called and began:
                action = action or "keep"
            todo[pile.name] = action
            resized |= pile.short is None and action == "size"
        if not any(todo.values()):
            return
        nav = self.nav
        after = nav
        for _ in range(TURNS):
            moves, fees = self._moves(t, todo, after)
            new = nav - sum(f.sum() for f in fees)
            if new == after:
                break
            after = new
        for pile, move, fee in zip(self.piles, moves, fees, strict=True):
            if todo[pile.name]:
                self.cash -= pile.sign * (move * self.price).sum() + fee.sum()
                line["trading"][t] -= fee.sum()
                pile.shares = pile.shares + move
                pile.shares[pile.shares < 0] = 0.0
                pile.notional = float((pile.shares * self.price).sum())
        self.nav = after

    def _moves(self, t: int, todo: dict[str, str], after: float) -> tuple[list[Floats], list[Floats]]:
        """Shares to add to each sleeve (in its own direction) and what they cost, were NAV `after` costs."""
        moves: list[Floats] = []
        base = 0.0
        can = self.trades | self.ends
        short = sum((p.shares for p in self.piles if p.sign < 0), np.zeros(self.n_assets))
        for pile in self.piles:
            action, worth = todo[pile.name], pile.shares * self.price
            move = np.zeros(self.n_assets)
            if action == "size":
                wanted = after * self.exposure[t] * pile.total if pile.short is None else pile.ratio * base
                stuck = worth[~can].sum()
                mix = np.where(can, pile.mix, 0.0)
                weight = (mix * self.price).sum()
                scale = max(0.0, wanted - stuck) / weight if weight > 0 else 0.0
                pile.aim = np.where(can, scale * mix, pile.shares)
                move = pile.aim - pile.shares
            elif action in ("close", "work"):
                if pile.going and pile.aim is not None:
                    move = np.where(can, pile.aim - pile.shares, 0.0)
                if action == "close":
                    shut = (pile.mix == 0) & can  # a name that a cap kept out is not opened on its way out either
                    move = np.where(shut, -pile.shares, move)
                    if pile.aim is not None:
                        pile.aim = np.where(shut, 0.0, pile.aim)
            move = self._limit(t, pile, move, short)
            if pile.sign < 0:
                short = short + move
            if pile.short is None:
                base += pile.sign * ((pile.shares + move) * self.price).sum()
            moves.append(move)
        if self.margin is not None:
            moves = [self._by_volume(t, m) for m in self._cut(t, todo, after, moves)]
        return moves, [self._cost(t, pile, move) for pile, move in zip(self.piles, moves, strict=True)]

    def needs(self, t: int) -> float:
        """Maintenance of what is held at the close of t, USD."""
        return float(sum((p.shares * self.price * self.maintain[p.sign][t])[p.shares > 0].sum() for p in self.piles))

    def _cut(self, t: int, todo: dict[str, str], after: float, moves: list[Floats]) -> list[Floats]:
        """On a call every target shrinks to what NAV carries; otherwise only new targets do, and never by force."""
        can, rates = self.trades | self.ends, self.maintain if self.called else self.initial
        open_to_cut = [can & (self.called or todo[p.name] == "size") for p in self.piles]
        fixed = free = 0.0
        for pile, move, cuttable in zip(self.piles, moves, open_to_cut, strict=True):
            target = pile.shares + move
            need = np.where(target > 0, target * self.price * rates[pile.sign][t], 0.0)
            free += need[cuttable].sum()
            fixed += need[~cuttable].sum()
        if fixed + free <= after:
            return moves
        share = max(0.0, after - fixed) / free if free > 0 else 1.0
        out = []
        for pile, move, cuttable in zip(self.piles, moves, open_to_cut, strict=True):
            target = share * (pile.shares + move)
            if not self.called:
                target = np.maximum(target, np.minimum(pile.shares, pile.shares + move))
            out.append(np.where(cuttable, target - pile.shares, move))
        return out

    def _limit(self, t: int, pile: Pile, move: Floats, short: Floats) -> Floats:
        """short: shares short by name in all sleeves, earlier ones as they will be after this close."""
        free = ~self.ends & (self.price > 0)
        if pile.sign < 0:
            room = np.maximum(0.0, self.cap[t] / np.where(free, self.price, 1.0) - short)
            move = np.where(free & (move > 0), np.minimum(move, room), move)
        return self._by_volume(t, move)

    def _by_volume(self, t: int, move: Floats) -> Floats:
        free = ~self.ends & (self.price > 0)
        share = self.account.costs.participation
        if self.adv is not None and np.isfinite(share):
            most = share * self.adv[t] / np.where(free, self.price, 1.0)
            move = np.where(free, np.clip(move, -most, most), move)
        return move

    def _cost(self, t: int, pile: Pile, move: Floats) -> Floats:
        dollars = np.abs(move) * self.price
        rate = self.half_spread[t] + self.commission[t]
        rate = rate + np.where(move * pile.sign < 0, self.sell_fee[t], 0.0)
        if self.account.costs.impact > 0:
            assert self.sigma is not None
            assert self.adv is not None
            rate = rate + self.account.costs.impact * self.sigma[t] * np.sqrt(dollars / self.adv[t])
        return np.where((dollars > 0) & ~self.ends, dollars * rate, 0.0)


def pile_of(name: str, sign: int, targets: dict[int, Floats], short: ShortSleeve | None) -> Pile:
    """An empty sleeve."""
    nothing = np.zeros(len(next(iter(targets.values()))) if targets else 0)
    return Pile(name, sign, targets, short, nothing.copy(), nothing.copy(), nothing != 0)


def book_piles(account: Account, use: np.ndarray) -> list[Pile]:
    """The book, and its own shorts where it has any."""
    weights = {t: np.asarray(w, dtype=float)[use] for t, w in account.long_targets.items()}
    piles = [pile_of("book", 1, {t: np.maximum(w, 0) for t, w in weights.items()}, None)]
    if any((w < 0).any() for w in weights.values()):
        piles.append(pile_of("book shorts", -1, {t: np.maximum(-w, 0) for t, w in weights.items()}, None))
    return piles
