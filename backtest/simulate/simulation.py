"""What the simulator hands back: NAV, cash, orders, and every cent of each day's change by kind, sleeve and name.

1. Arrays are (n_sessions,) or (n_sessions, n_sleeves), USD; shorts are negative, costs are negative.
2. The lines of a session add up to the change of NAV; those of the first session start from the initial NAV.
3. Orders are vectorbt's records in carried shares; the frames show shares and prices as traded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from backtest.simulate.account import Account

if TYPE_CHECKING:
    import vectorbt as vbt

    from backtest.broadcast import Floats
    from backtest.simulate.tape import Flags, Tape

LINES: Final = (
    "long",
    "short",
    "trading",
    "borrow",
    "dividends_received",
    "dividends_owed",
    "rebate",
    "interest",
    "margin",
)


@dataclass(frozen=True)
class Simulation:
    """A finished account.

    nav, cash            (n_sessions,) after the trades of each close; cash includes short proceeds
    value                (n_sessions, n_sleeves) signed market value
    gain                 price P&L; `trading`, `dividends`, `borrow`, `rebate` likewise by sleeve
    interest, margin     (n_sessions,) on the account's own money, in credit and in debit
    traded               (n_sessions,) USD bought and sold
    required, called     (n_sessions,) maintenance in USD and whether NAV closed below it; zero unless enforced
    held                 (n_sessions, n_sleeves) hedge ratio in force
    records              vectorbt order records; column = sleeve * n_assets + asset, carried shares
    ruined               index of the session whose close left nothing, or None; NAV stays there afterwards
    """

    account: Account
    tape: Tape = field(repr=False)
    sleeves: tuple[str, ...]
    sign: Floats = field(repr=False)
    nav: Floats = field(repr=False)
    cash: Floats = field(repr=False)
    value: Floats = field(repr=False)
    gain: Floats = field(repr=False)
    trading: Floats = field(repr=False)
    dividends: Floats = field(repr=False)
    borrow: Floats = field(repr=False)
    rebate: Floats = field(repr=False)
    interest: Floats = field(repr=False)
    margin: Floats = field(repr=False)
    traded: Floats = field(repr=False)
    required: Floats = field(repr=False)
    called: Flags = field(repr=False)
    held: Floats = field(repr=False)
    records: np.ndarray = field(repr=False)
    ruined: int | None = None

    @property
    def sessions(self) -> pd.DatetimeIndex:
        return self.account.panel.sessions

    @property
    def tickers(self) -> pd.Index:
        return self.account.panel.tickers

    @property
    def long_value(self) -> Floats:
        """Market value held long, (n_sessions,)."""
        return self.value[:, self.sign > 0].sum(axis=1)

    @property
    def short_value(self) -> Floats:
        """Market value held short, (n_sessions,), negative."""
        return self.value[:, self.sign < 0].sum(axis=1)

    @property
    def returns(self) -> Floats:
        """Simple return of each session, the first from the initial NAV; 0 after ruin."""
        before = np.concatenate([[self.account.initial_nav], self.nav[:-1]])
        return np.where(before > 0, self.nav / np.where(before > 0, before, 1.0) - 1.0, 0.0)

    @cached_property
    def lines(self) -> pd.DataFrame:
        """P&L by session and kind (columns `LINES`); each row sums to the session's change of NAV."""
        long, short = self.sign > 0, self.sign < 0
        columns = {
            "long": self.gain[:, long].sum(axis=1),
            "short": self.gain[:, short].sum(axis=1),
            "trading": self.trading.sum(axis=1),
            "borrow": self.borrow.sum(axis=1),
            "dividends_received": self.dividends[:, long].sum(axis=1),
            "dividends_owed": self.dividends[:, short].sum(axis=1),
            "rebate": self.rebate.sum(axis=1),
            "interest": self.interest,
            "margin": self.margin,
        }
        return pd.DataFrame(columns, index=self.sessions)[list(LINES)]

    def daily_by_sleeve(self) -> pd.DataFrame:
        """P&L as `date, sleeve, kind, usd`, zeros left out: a session's rows sum to its change of NAV."""
        lines = {"price": self.gain, "trading": self.trading, "borrow": self.borrow}
        lines |= {"dividends": self.dividends, "rebate": self.rebate}
        parts = {(name, kind): line[:, s] for s, name in enumerate(self.sleeves) for kind, line in lines.items()}
        parts |= {("account", "interest"): self.interest, ("account", "margin"): self.margin}
        found = []
        for (sleeve, kind), usd in parts.items():
            at = np.flatnonzero(usd)
            found.append(pd.DataFrame({"date": self.sessions[at], "sleeve": sleeve, "kind": kind, "usd": usd[at]}))
        return pd.concat(found, ignore_index=True).sort_values("date", kind="stable", ignore_index=True)

    def lines_by_sleeve(self) -> pd.DataFrame:
        """Totals of the run, sleeves x kinds; the row `account` holds interest and margin, which no sleeve owns."""
        table = pd.DataFrame(
            {
                "price": self.gain.sum(axis=0),
                "trading": self.trading.sum(axis=0),
                "borrow": self.borrow.sum(axis=0),
                "dividends": self.dividends.sum(axis=0),
                "rebate": self.rebate.sum(axis=0),
            },
            index=pd.Index(self.sleeves, name="sleeve"),
        )
        table.loc["account", ["interest", "margin"]] = [self.interest.sum(), self.margin.sum()]
        return table.fillna(0.0)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """`date, sleeve, ticker, shares, price, notional, cost`: as traded; sells and shorts are negative."""
        col, row = self.records["col"], self.records["idx"]
        sleeve, name = np.divmod(col, len(self.tickers))
        signed = np.where(self.records["side"] == 0, self.records["size"], -self.records["size"])
        factor = self.tape.factor[row, name]
        return pd.DataFrame(
            {
                "date": self.sessions[row],
                "sleeve": np.asarray(self.sleeves, dtype=object)[sleeve],
                "ticker": self.tickers[name],
                "shares": signed * factor,
                "price": self.records["price"] / factor,
                "notional": signed * self.records["price"],
                "cost": self.records["fees"],
            }
        )

    def positions(self, carried: bool = False) -> pd.DataFrame:
        """Shares held after each close, sessions x (sleeve, ticker) ever traded; signed, as traded unless `carried`."""
        columns, shares = self._carried_positions()
        if not carried:
            shares = shares * self.tape.factor[:, columns % len(self.tickers)]
        return pd.DataFrame(shares, index=self.sessions, columns=self._names(columns))

    def by_name(self) -> pd.DataFrame:
        """Totals of the run by (sleeve, ticker): `price, dividends, borrow, rebate, trading`.

        They sum to the sleeve's lines; the rebate of a sleeve is shared among its names by yesterday's value.
        """
        columns, lines = self._lines_by_name()
        return pd.DataFrame({kind: line.sum(axis=0) for kind, line in lines.items()}, index=self._names(columns))

    def profit_by_name(self) -> pd.DataFrame:
        """P&L by session of every (sleeve, ticker), and of (account, interest): each row sums to the change of NAV."""
        columns, lines = self._lines_by_name()
        frame = pd.DataFrame(sum(lines.values()), index=self.sessions, columns=self._names(columns))
        frame[("account", "interest")] = self.interest + self.margin
        return frame

    def _lines_by_name(self) -> tuple[np.ndarray, dict[str, Floats]]:
        """Columns ever traded, and each kind of P&L by session and column."""
        columns, shares = self._carried_positions()
        sleeve, name = np.divmod(columns, len(self.tickers))
        before = np.vstack([np.zeros((1, len(columns))), shares[:-1]])
        price = self.tape.price[:, name]
        lines = {
            "price": before * np.diff(price, axis=0, prepend=price[:1]),
            "dividends": before * self.tape.dividend[:, name],
            "borrow": np.zeros_like(price),
            "rebate": np.zeros_like(price),
            "trading": np.zeros_like(price),
        }
        fees = self._owed()
        for s in np.flatnonzero(self.sign < 0):
            mine = sleeve == s
            if fees is not None and self.borrow[:, s].any():
                lines["borrow"][:, mine] = np.where(before[:, mine] != 0, before[:, mine] * fees[:, name[mine]], 0.0)
            worth = before[1:, mine] * price[:-1, mine]
            whole = worth.sum(axis=1, keepdims=True)
            share = np.divide(worth, whole, out=np.zeros_like(worth), where=whole != 0)
            lines["rebate"][1:, mine] = share * self.rebate[1:, [s]]
        at = np.searchsorted(columns, self.records["col"])
        np.subtract.at(lines["trading"], (self.records["idx"], at), self.records["fees"])
        return columns, lines

    def _names(self, columns: np.ndarray) -> pd.MultiIndex:
        sleeve, name = np.divmod(columns, len(self.tickers))
        return pd.MultiIndex.from_arrays(
            [np.asarray(self.sleeves, dtype=object)[sleeve], self.tickers[name]], names=["sleeve", "ticker"]
        )

    @cached_property
    def identity_error(self) -> float:
        """Largest relative gap, on any session, of NAV from cash + shares x price rebuilt from the orders alone."""
        columns, shares = self._carried_positions()
        name = columns % len(self.tickers)
        worth = (shares * self.tape.price[:, name]).sum(axis=1)
        paid = np.where(self.records["side"] == 0, -1.0, 1.0) * self.records["size"] * self.records["price"]
        traded = np.bincount(self.records["idx"], weights=paid - self.records["fees"], minlength=len(self.nav))
        accrued = (self.lines.drop(columns=["long", "short", "trading"])).sum(axis=1).to_numpy()
        nav = self.account.initial_nav + np.cumsum(traded + accrued) + worth
        end = len(self.nav) if self.ruined is None else self.ruined
        return float(np.max(np.abs(nav - self.nav)[:end] / np.abs(self.nav[:end]), initial=0.0))

    @cached_property
    def portfolio(self) -> vbt.Portfolio:
        """The account as a full daily `vectorbt.Portfolio`; see `daily_portfolio`."""
        from backtest.simulate.daily import daily_portfolio

        return daily_portfolio(self)

    def _owed(self) -> Floats | None:
        from backtest.broadcast import over
        from backtest.carry import borrow_accruals, day_counts

        if not self.borrow.any():
            return None
        fee = over(self.account.borrow_fee, len(self.nav), len(self.tickers), "borrow_fee", missing=True)
        days = day_counts(self.sessions, self.account.financing.settlement)
        return borrow_accruals(fee, self.tape.price, days)

    def _carried_positions(self) -> tuple[np.ndarray, Floats]:
        """Columns ever traded, ascending, and carried shares after each close, (n_sessions, n_columns)."""
        columns, at = np.unique(self.records["col"], return_inverse=True)
        moves = np.zeros((len(self.nav), len(columns)))
        signed = np.where(self.records["side"] == 0, self.records["size"], -self.records["size"])
        np.add.at(moves, (self.records["idx"], at), signed)
        shares = np.cumsum(moves, axis=0)
        # What a running sum leaves behind of a closed position is rounding, not shares.
        shares[np.abs(shares) <= 1e-9 * np.maximum.accumulate(np.abs(moves), axis=0)] = 0.0
        if self.ruined is not None:
            shares[self.ruined :] = 0.0
        return columns, shares
