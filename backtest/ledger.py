"""The same account kept by hand: share by share, day by day, without vectorbt and without the engine's shortcuts.

1. Shares are as traded: a split multiplies them, a dividend pays cash per share, nothing is carried or adjusted.
2. Overnight, every position accrues on its own mark: borrow and rebate where it is short, interest on own money.
3. At the close, sleeves that are due are sized after costs by plain repetition, and traded one name at a time.
4. NAV = cash + sum of shares x price, at every close; what the lines of a day leave unexplained is recorded.

It is the oracle of the engine's tests and the second opinion of every run: written from the rules, slow on purpose,
sharing with the engine only the account it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from backtest.broadcast import Floats, over
from backtest.carry import MONEY_MARKET_YEAR, day_counts
from backtest.simulate.account import Account, ShortSleeve

TURNS = 200  # of the after-cost sizing; each gains several digits


@dataclass
class _Pile:
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
    benched: dict[int, float] = field(default_factory=dict)
    notional: float = 0.0
    waiting: int = 0  # sessions left to work an unfilled rest
    going: bool = False
    aim: Floats | None = None


@dataclass(frozen=True)
class Ledger:
    """What the replay found, (n_sessions,) each.

    lines     kind -> P&L by session
    residual  change of NAV that the lines leave unexplained
    ruined    session index or None
    """

    nav: Floats
    cash: Floats
    lines: dict[str, Floats]
    residual: Floats
    ruined: int | None

    @property
    def max_identity_error(self) -> float:
        """Largest unexplained change of NAV, relative to NAV."""
        end = len(self.nav) if self.ruined is None else self.ruined
        return float(np.max(np.abs(self.residual[:end] / self.nav[:end]), initial=0.0))

    def error(self, nav: Floats) -> float:
        """Largest relative difference of another NAV series from this one, up to ruin."""
        end = len(self.nav) if self.ruined is None else self.ruined
        return float(np.max(np.abs(nav[:end] / self.nav[:end] - 1.0), initial=0.0))


class _Book:
    """The running account. One method a step of a day."""

    def __init__(self, account: Account) -> None:
        self.account = account
        panel = account.panel
        self.close = np.asarray(panel.close, dtype=np.float64).copy()
        self.split = np.asarray(panel.split, dtype=np.float64)
        self.dividend = np.nan_to_num(np.asarray(panel.dividend, dtype=np.float64))
        self.n_sessions, self.n_assets = len(self.close), self.close.shape[1]
        shape = (self.n_sessions, self.n_assets)
        terms = account.financing
        self.year = day_counts(panel.sessions, terms.settlement) / MONEY_MARKET_YEAR

        def by_session(value: object, name: str) -> Floats:
            return over(value, self.n_sessions, 1, name)[:, 0]  # type: ignore[arg-type]

        self.benchmark = by_session(terms.benchmark, "benchmark")
        self.rebate_spread = by_session(terms.rebate_spread, "rebate_spread")
        self.credit_spread = by_session(terms.credit_spread, "credit_spread")
        self.debit_spread = by_session(terms.debit_spread, "debit_spread")
        self.exposure = by_session(account.exposure, "exposure")
        self.fee = over(account.borrow_fee, *shape, "borrow_fee", missing=True)
        c = account.costs
        self.half_spread = over(c.half_spread, *shape, "half_spread", missing=True)
        self.commission = over(c.commission, *shape, "commission", missing=True)
        self.sell_fee = over(c.sell_fee, *shape, "sell_fee", missing=True)
        self.sigma = None if c.volatility is None else over(c.volatility, *shape, "volatility", missing=True)
        self.adv = None if c.adv_usd is None else over(c.adv_usd, *shape, "adv_usd", missing=True)
        self.cap = over(account.short_cap_usd, *shape, "short_cap_usd")
        self.last_known = np.full(self.n_assets, self.n_sessions)
        self.payout = np.zeros(self.n_assets)
        if account.delistings is not None:
            for i, day in enumerate(account.delistings.last_session):
                if not np.isnat(day):
                    self.last_known[i] = int((panel.sessions <= pd.Timestamp(day)).sum()) - 1
                value = account.delistings.total_return[i]
                self.payout[i] = 0.0 if np.isnan(value) else value
        for i in range(self.n_assets):
            self.close[self.last_known[i] + 1 :, i] = np.nan
        self.price = np.zeros(self.n_assets)  # last mark, as traded
        self.missing = np.full(self.n_assets, -1)  # sessions since the last trade
        self.piles = [*_book_piles(account, self.n_assets)]
        self.piles += [_pile(s.name, -1, dict(s.targets), s, self.n_assets) for s in account.shorts]
        self.works = bool(np.isfinite(account.costs.participation))
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
    def due(self, pile: _Pile, t: int, whole: bool) -> str:
        """'', 'close' (some names leave) or 'size' (the sleeve is sized again); updates the sleeve's mix."""
        recalls = None if pile.short is None else pile.short.recalls
        locked = np.zeros(self.n_assets, bool) if recalls is None else recalls.locked[t]
        leaving = pile.member & self.ends
        if recalls is not None:
            leaving |= pile.member & recalls.recalled[t] & self.trades
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
            lingering = pile.member & ~leaving & self.works
            pile.member = chosen | halted | lingering
            return "size"
        gone = leaving | (pile.member & (pile.mix == 0) & self.resumed)
        action = ""
        if gone.any():
            for i in np.flatnonzero(gone & ~self.ends & (pile.mix > 0)):
                if recalls is not None:
                    pile.benched[int(i)] = pile.mix[i]
            pile.mix = np.where(gone, 0.0, pile.mix)
            pile.member = pile.member & ~(self.ends if self.works else gone)
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
        moves, fees, base = [], [], 0.0
        can = self.trades | self.ends
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
                    shut = (pile.mix == 0) & can & (pile.shares > 0)
                    move = np.where(shut, -pile.shares, move)
                    if pile.aim is not None:
                        pile.aim = np.where(shut, 0.0, pile.aim)
            move = self._limit(t, pile, move)
            cost = self._cost(t, pile, move)
            if pile.short is None:
                base += pile.sign * ((pile.shares + move) * self.price).sum()
            moves.append(move)
            fees.append(cost)
        return moves, fees

    def _limit(self, t: int, pile: _Pile, move: Floats) -> Floats:
        free = ~self.ends & (self.price > 0)
        if pile.sign < 0:
            room = np.maximum(0.0, self.cap[t] / np.where(free, self.price, 1.0) - pile.shares)
            move = np.where(free & (move > 0), np.minimum(move, room), move)
        share = self.account.costs.participation
        if self.adv is not None and np.isfinite(share):
            most = share * self.adv[t] / np.where(free, self.price, 1.0)
            move = np.where(free, np.clip(move, -most, most), move)
        return move

    def _cost(self, t: int, pile: _Pile, move: Floats) -> Floats:
        dollars = np.abs(move) * self.price
        rate = self.half_spread[t] + self.commission[t]
        rate = rate + np.where(move * pile.sign < 0, self.sell_fee[t], 0.0)
        if self.account.costs.impact > 0:
            assert self.sigma is not None
            assert self.adv is not None
            rate = rate + self.account.costs.impact * self.sigma[t] * np.sqrt(dollars / self.adv[t])
        return np.where((dollars > 0) & ~self.ends, dollars * rate, 0.0)


def _pile(name: str, sign: int, targets: dict[int, Floats], short: ShortSleeve | None, n_assets: int) -> _Pile:
    nothing = np.zeros(n_assets)
    return _Pile(name, sign, targets, short, nothing.copy(), nothing.copy(), np.zeros(n_assets, dtype=bool))


def _book_piles(account: Account, n_assets: int) -> list[_Pile]:
    weights = {t: np.asarray(w, dtype=float) for t, w in account.long_targets.items()}
    piles = [_pile("book", 1, {t: np.maximum(w, 0) for t, w in weights.items()}, None, n_assets)]
    if any((w < 0).any() for w in weights.values()):
        piles.append(_pile("book shorts", -1, {t: np.maximum(-w, 0) for t, w in weights.items()}, None, n_assets))
    return piles


def replay(account: Account) -> Ledger:
    """Keep the account by hand. Same inputs as `simulate`, same NAV to 1e-9, an independent road to it."""
    book = _Book(account)
    n = book.n_sessions
    accrued = ("borrow", "dividends_received", "dividends_owed", "rebate", "interest", "margin")
    kinds = ("long", "short", "trading", *accrued)
    line = {k: np.zeros(n) for k in kinds}
    nav, cash, residual = np.zeros(n), np.zeros(n), np.zeros(n)
    ruined: int | None = None
    for t in range(n):
        if ruined is not None:
            nav[t] = cash[t] = nav[ruined]
            continue
        opening, yesterday = book.nav, book.price.copy()
        if t > 0:
            book.nights(t, line, yesterday)
        before = [pile.shares * yesterday for pile in book.piles]
        book.mark(t)
        for pile, worth in zip(book.piles, before, strict=True):
            line["long" if pile.sign > 0 else "short"][t] += pile.sign * ((pile.shares * book.price) - worth).sum()
            paid = pile.sign * (pile.shares * book.dividend[t]).sum()
            line["dividends_received" if pile.sign > 0 else "dividends_owed"][t] += paid
        book.cash += sum(line[k][t] for k in accrued)
        book.nav = book.cash + sum(p.sign * (p.shares * book.price).sum() for p in book.piles)
        if book.nav > 0:
            book.trade(t, line)
            book.nav = book.cash + sum(p.sign * (p.shares * book.price).sum() for p in book.piles)
        nav[t], cash[t] = book.nav, book.cash
        residual[t] = nav[t] - opening - sum(line[k][t] for k in kinds)
        if book.nav <= 0:
            ruined, cash[t] = t, book.nav
    return Ledger(nav, cash, line, residual, ruined)
