"""The same account kept by hand: share by share, day by day, without vectorbt and without the engine's shortcuts.

1. Shares are as traded: a split multiplies them, a dividend pays cash per share, nothing is carried or adjusted.
2. Overnight, every position accrues on its own mark: borrow and rebate where it is short, interest on own money.
3. At the close, sleeves that are due are sized after costs by plain repetition, and traded one name at a time.
4. NAV = cash + sum of shares x price, at every close; what the lines of a day leave unexplained is recorded.

It is the oracle of the engine's tests and the second opinion of every run: written from the rules, slow on purpose,
sharing with the engine only the account it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backtest.bookkeeping import Books
from backtest.broadcast import Floats
from backtest.simulate.account import Account


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


def replay(account: Account) -> Ledger:
    """Keep the account by hand. Same inputs as `simulate`, same NAV to 1e-9, an independent road to it."""
    book = Books(account)
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
        if book.margin is not None:
            book.called = bool(book.nav < book.needs(t) * (1.0 - 1e-9))
        if book.nav <= 0:
            ruined, cash[t] = t, book.nav
    return Ledger(nav, cash, line, residual, ruined)
