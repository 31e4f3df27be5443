"""Two alternatives that ask what the basket itself adds: its sectors without its names, its names without their beta.

1. Sectors without names: at each rebalance of the basket, the sector funds at the basket's sector weights, short at
   equal market beta. What this does as well, the choice of names did not do.
2. Names without beta: the hedge with its market beta bought back in an index fund, the pure quality leg. It is put
   together from returns: the hedged account, plus the fund at the equal-beta ratio, financed at the debit rate.

A fund that the data lack, or that has no price on a date, leaves its sector to the market fund.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.carry import accruals
from backtest.terms import BPS
from basket import hedge

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.broadcast import Floats
    from backtest.legs import Legs
    from backtest.simulate.account import Targets

SECTOR_FUNDS = {
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Information Technology": "XLK",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Utilities": "XLU",
}
SECTOR_MIX = "sector funds"
PURE_LEG = "pure quality, beta bought back"
LEAST_SHARE = 0.5  # of the basket in sectors whose fund has a price; below it the mix would be the market


def sector_weights(legs: Legs) -> pd.DataFrame:
    """Weights of the funds by rebalance of the basket; rows sum to one."""
    data, market = legs.data, legs.spec.market
    held = {sector: fund for sector, fund in SECTOR_FUNDS.items() if fund in data.tickers}
    price = data.panel(sorted({*held.values(), market}))
    close = pd.DataFrame(price.close, index=price.sessions, columns=price.tickers)
    rows = {}
    for session in legs.short.rebalances[legs.short.rebalances <= legs.sessions[-1]]:
        view = data.as_of(session)
        weights = legs.short.weights.loc[session]
        sector = pd.Series(view.sector(), index=view.tickers).reindex(weights.index)
        known = close.loc[session].notna()
        priced = {name: fund for name, fund in held.items() if known[fund]}
        rows[session] = weights.groupby(sector.astype(object).map(priced).astype(object).fillna(market)).sum()
    return pd.DataFrame(rows).T.fillna(0.0)


def sector_mix(legs: Legs) -> tuple[Targets, pd.Series] | None:
    """Targets of the mix by session of the run, and its returns (weights as bought, between rebalances).

    None where the data's funds cover less than half of the basket.
    """
    weights = sector_weights(legs)
    funds = [fund for fund in weights.columns if fund != legs.spec.market]
    if not funds or float(weights[funds].sum(axis=1).mean()) < LEAST_SHARE:
        return None
    panel = legs.data.panel(list(weights.columns))
    returns = pd.DataFrame(panel.total_returns(), index=panel.sessions, columns=panel.tickers)[list(weights.columns)]
    # bought at the close of a rebalance: in force from the session after
    in_force = weights.reindex(panel.sessions).ffill().shift().dropna()
    mixed = (in_force * returns.reindex(in_force.index).fillna(0.0)).sum(axis=1).rename(SECTOR_MIX)
    at = legs.data.tickers.get_indexer(weights.columns)
    targets: dict[int, Floats] = {}
    for session, row in weights.iterrows():
        position = int(legs.sessions.searchsorted(pd.Timestamp(str(session))))
        if position < len(legs.sessions) and (position == 0 or legs.sessions[position] == session):
            full = np.zeros(len(legs.data.tickers))
            full[at] = row.to_numpy(dtype=np.float64)
            targets[position] = full
    return targets, mixed


def pure_leg(accounts: Accounts, hedged_nav: Floats, equal_beta: pd.Series) -> Floats:
    """NAV (USD) of the hedged account with the market beta of its short bought back in the market fund.

    equal_beta  dollars of the market fund per dollar of book with the beta of the basket short, at each check
    """
    legs = accounts.legs
    held = hedge.held_ratio(equal_beta, legs.sessions).fillna(0.0).to_numpy(dtype=np.float64)
    fund = legs.index_returns(legs.spec.market).reindex(legs.sessions).fillna(0.0).to_numpy(dtype=np.float64)
    financed = accruals(legs.sessions, accounts.terms.financing).debit
    traded = np.abs(np.diff(held, prepend=0.0)) * legs.spec.costs.fund_bps * BPS
    returns = hedged_nav[1:] / hedged_nav[:-1] - 1.0 + (held * (fund - financed) - traded)[1:]
    return np.concatenate([hedged_nav[:1], hedged_nav[0] * np.cumprod(1.0 + returns)])
