"""What a name is exposed to, as known at a session, and what a portfolio's exposures add up to.

- beta: least-squares slope of daily total returns on the market's, 252 sessions, at least 126 of them;
- size: log market capitalisation; value: book equity over market capitalisation;
- momentum: total return from 252 to 21 sessions ago; quality: return on assets (the screens' own metrics).

All but beta are standardised over the stocks with a price that day (mean 0, standard deviation 1, clipped at 3), so
that a portfolio's exposure reads in standard deviations. Missing is NaN; a portfolio's exposure is that of the names
that have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from screens.metrics import REGISTRY

if TYPE_CHECKING:
    from market.view import View

Floats = npt.NDArray[np.float64]

EXPOSURES = ("beta", "size", "value", "momentum", "quality")
BETA_SESSIONS, BETA_AT_LEAST = 252, 126
CLIP = 3.0


def exposures(view: View, market: str = "SPY") -> dict[str, Floats]:
    """Exposure of every name (n_assets,), by name of the exposure; NaN where unknown."""
    returns = view.returns(BETA_SESSIONS)
    reference = view.is_stock() & np.isfinite(view.close())
    capitalisation = view.market_cap()
    positive = np.where(capitalisation > 0, capitalisation, np.nan)
    unknown = np.full(len(view.tickers), np.nan)
    facts = view.market.has("facts")
    raw = {
        "size": np.log(positive),
        "value": view.item("equity", "latest") / positive if facts else unknown,
        "momentum": REGISTRY["momentum_12_1"](view).value,
        "quality": REGISTRY["roa"](view).value if facts else unknown,
    }
    out = {"beta": betas(returns, view.series(market, BETA_SESSIONS))}
    out.update({name: _standardised(values, reference) for name, values in raw.items()})
    return out


def betas(returns: Floats, market: Floats, at_least: int = BETA_AT_LEAST) -> Floats:
    """Slopes of each column of `returns` (n_sessions, n_assets) on `market` (n_sessions,), over the sessions both have.

    >>> m = np.array([0.01, -0.02, 0.03])
    >>> betas(np.column_stack((2 * m, m + 1)), m, at_least=3).round(12).tolist()
    [2.0, 1.0]
    """
    both = np.isfinite(returns) & np.isfinite(market)[:, None]
    count = both.sum(axis=0)
    y = np.where(both, returns, 0.0)
    x = np.where(both, market[:, None], 0.0)
    n = np.maximum(count, 1)
    covariance = (x * y).sum(axis=0) - x.sum(axis=0) * y.sum(axis=0) / n
    variance = (x * x).sum(axis=0) - x.sum(axis=0) ** 2 / n
    enough = (count >= at_least) & (variance > 0)
    return np.where(enough, covariance / np.where(enough, variance, 1.0), np.nan)


def of_portfolio(exposure: Floats, weights: Floats) -> float:
    """Weighted exposure of the names that have one, scaled to the weight they stand for; NaN without any."""
    known = np.isfinite(exposure) & (weights != 0)
    stands_for = weights[known].sum()
    return float((exposure[known] * weights[known]).sum() / stands_for) if stands_for > 0 else float("nan")


def sector_weights(sectors: npt.NDArray[np.object_], weights: Floats) -> dict[str, float]:
    """Weight by sector, names without one under 'unknown'; largest first."""
    out: dict[str, float] = {}
    for position in np.flatnonzero(weights):
        label = str(sectors[position]) or "unknown"
        out[label] = out.get(label, 0.0) + float(weights[position])
    return dict(sorted(out.items(), key=lambda item: -item[1]))


def _standardised(values: Floats, reference: npt.NDArray[np.bool_]) -> Floats:
    inside = values[reference & np.isfinite(values)]
    spread = inside.std() if inside.size > 1 else 0.0
    if spread == 0:
        return np.where(np.isfinite(values), 0.0, np.nan)
    return np.clip((values - inside.mean()) / spread, -CLIP, CLIP)
