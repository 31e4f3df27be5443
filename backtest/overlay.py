"""The tactical overlay: when the hedge should be on, and what following the tape was worth.

1. Multiplier by session: the regime's gate or its scaling as it may act there (decided at least one session before),
   times the squeeze switch, decided on returns up to the session before as well.
2. The walk-forward ratio times the multiplier is traded at every check and at every change of the multiplier.
3. Three accounts in one table: always on; switched; and the same average hedge untimed, the overlay's mean size held
   from its first score on. What the switched account makes beyond that one is what the timing is worth: before a score
   there is no timing, and the two are the same.
4. A switch taken back within a month is a whipsaw; its cost is what the hedge made, or saved, while it was wrong.

Nothing is fitted here, and no signal sees a session after its own: the look-ahead audit recomputes it on cut data.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.evaluate.performance import returns_of
from backtest.evaluate.spread import annual_and_t
from backtest.frames import BPS, years
from backtest.legs import build_legs
from backtest.simulate import LINES, Variant
from basket import hedge

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.legs import Legs
    from backtest.result import Json
    from backtest.spec import RunSpec
    from market import Market

MEAN_SIZE = "untimed, at its mean size"
WHIPSAW_SESSIONS = 21  # a month
COLUMNS = ("score", "gate", "size", "squeeze", "multiplier")


def tactical_name(mode: str) -> str:
    """What the switched account is called in the tables."""
    return f"tactical: {'squeeze switch' if mode == 'always' else mode}"


def multipliers(legs: Legs) -> pd.DataFrame:
    """By session of the run, as it may act at each close: `score, gate, size, squeeze, multiplier`.

    score       of the session that decided; NaN where there is none
    gate        1 where the gate is on, 0 where it is off, NaN before it has a score
    size        share of the hedge that gate or score leave
    squeeze     share that the squeeze switch leaves
    """
    from screens.loading import load_any
    from screens.regime import RegimeSpec, history
    from screens.regime.gate import jumps, squeeze
    from screens.regime.spec import Scaling

    overlay = legs.spec.overlay
    if overlay is None:
        return pd.DataFrame(columns=list(COLUMNS), index=legs.sessions, dtype=float)
    frame = pd.DataFrame(1.0, index=legs.data.sessions, columns=list(COLUMNS))
    frame[["score", "gate"]] = np.nan
    lag = 1
    if overlay.mode != "always" and legs.spec.regime is not None:
        regime = load_any(legs.spec.regime.target)
        assert isinstance(regime, RegimeSpec)
        lag = regime.gate.lag
        if overlay.mode == "scale" and regime.scaling is None:
            regime = regime.model_copy(update={"scaling": Scaling()})
        found = history(regime, legs.data)["session"]
        known = found["score"].notna().cummax()
        frame["score"] = found["score"].astype(float)
        frame["gate"] = found["state"].astype(float).where(known)
        sized = found["multiplier"].astype(float) if overlay.mode == "scale" else found["state"].map({True: 1.0})
        frame["size"] = sized.fillna(overlay.off).where(known, overlay.unscored)
    if overlay.squeeze is not None:
        rule = overlay.squeeze
        returns = legs.short.returns
        market = legs.index_returns(legs.spec.market).reindex(returns.index).to_numpy(dtype=np.float64)
        jumped = None
        if rule.proxy is not None:
            proxy = legs.index_returns(rule.proxy).reindex(returns.index)
            jumped = jumps(proxy.to_numpy(dtype=np.float64), rule.z)
        kept = squeeze(
            returns.to_numpy(dtype=np.float64),
            market,
            rise=rule.rise,
            beyond=rule.beyond,
            sessions=rule.sessions,
            keep=rule.keep,
            jumped=jumped,
        )
        frame["squeeze"] = pd.Series(kept, index=returns.index).reindex(frame.index).fillna(1.0)
    acting = frame.shift(lag)
    acting["size"] = acting["size"].fillna(overlay.unscored)
    acting["squeeze"] = acting["squeeze"].fillna(1.0)
    acting["multiplier"] = acting["size"] * acting["squeeze"]
    return acting.loc[legs.sessions]


def state_on(spec: RunSpec, data: Market, session: str | pd.Timestamp) -> dict[str, float | str | None] | None:
    """How much of a run's hedge its overlay lets it hold at a session's close; None where the run does not trade."""
    legs, day = build_legs(spec, data), data.session(session)
    if spec.overlay is None or day not in legs.sessions:
        return None
    row = multipliers(legs).loc[day].to_dict()
    return {"mode": spec.overlay.mode, **{name: _known(row[name]) for name in COLUMNS}}


def overlaid(path: pd.Series, multiplier: pd.Series) -> pd.Series:
    """The ratio `path` (stamped at its checks) times the multiplier, stamped at the checks and at its changes."""
    changed = multiplier.index[multiplier.diff().fillna(0.0) != 0.0]
    stamps = path.index.union(changed)
    based = path.reindex(stamps).ffill()
    return (based * multiplier.reindex(stamps).ffill()).dropna().rename("target")


@dataclass(frozen=True)
class Switched:
    """An overlay's accounts beside the always-on one.

    frame   by session: of `multipliers`, and `target`, the ratio they leave
    nav     USD by session: the switched account, and the same average hedge untimed
    path    the switched ratio, stamped
    costs   USD over the run that the switched account paid to trade, and the always-on account
    """

    mode: str
    frame: pd.DataFrame
    nav: pd.DataFrame
    path: pd.Series
    mean_size: float
    trading_usd: tuple[float, float]


def first_score(frame: pd.DataFrame) -> pd.Timestamp | None:
    """The first session on which a score may act; None for an overlay that follows none."""
    known = frame.index[frame["score"].notna()]
    return known[0] if len(known) else None


def switched(accounts: Accounts, path: pd.Series) -> Switched | None:
    """Run the overlay on the always-on ratio `path`; None where the run has none."""
    legs = accounts.legs
    if legs.spec.overlay is None:
        return None
    frame = multipliers(legs)
    followed = overlaid(path, frame["multiplier"])
    timed = legs.sessions >= (first_score(frame) or legs.sessions[0])
    mean_size = float(frame["multiplier"][timed].mean())
    untimed = overlaid(path, frame["multiplier"].where(~timed, mean_size))
    targets = accounts.basket_targets
    many = accounts.many(
        [Variant(shorts=(accounts.hedged_by(targets, ratio), *accounts.others)) for ratio in (followed, untimed, path)]
    )
    names = [tactical_name(legs.spec.overlay.mode), MEAN_SIZE]
    trading = many.lines[:, LINES.index("trading")]
    return Switched(
        mode=legs.spec.overlay.mode,
        frame=frame.assign(target=hedge.held_ratio(followed, legs.sessions)),
        nav=accounts.nav_frame(dict(zip(names, many.nav[:2], strict=True))),
        path=followed,
        mean_size=mean_size,
        trading_usd=(float(trading[0]), float(trading[2])),
    )


def section(found: Switched, nav: pd.DataFrame) -> dict[str, Json]:
    """The `overlay` section of `summary.json`. nav: `book, hedged` (always on), USD by session."""
    multiplier = found.frame["multiplier"]
    span = years(pd.DatetimeIndex(nav.index))
    always = returns_of(nav["hedged"])
    profit = always - returns_of(nav["book"])
    tactical = returns_of(found.nav.iloc[:, 0])
    gate, cut = found.frame["gate"], found.frame["squeeze"] < 1.0
    moves = multiplier.diff().fillna(0.0)
    spent = [-usd / float(of.mean()) / span * BPS for usd, of in zip(found.trading_usd, _navs(found, nav), strict=True)]
    taken_back = whipsaws(multiplier, profit)
    first = first_score(found.frame)
    since = tactical.index[0] if first is None else first
    return {
        "mode": found.mode,
        "mean_size": found.mean_size,
        "share_full": float((multiplier == 1.0).mean()),
        "share_off": float((multiplier == 0.0).mean()),
        "first_score": None if first is None else str(first.date()),
        "sessions_without_score": int(gate.isna().sum()) if found.mode != "always" else 0,
        "switches": int((moves != 0.0).sum()),
        "switches_per_year": float((moves != 0.0).sum()) / span,
        "gate_switches": int((gate.dropna().diff().fillna(0.0) != 0.0).sum()),
        "squeezes": int((cut & ~cut.shift(fill_value=False)).sum()),
        "whipsaws": len(taken_back),
        "whipsaw_bps_per_year": float(taken_back["cost"].sum()) / span * BPS,
        "trading_bps_per_year": {"tactical": spent[0], "always_on": spent[1]},
        "against_always_on": _against(tactical, always),
        "against_mean_size": _against(tactical[since:], returns_of(found.nav.iloc[:, 1])[since:]),
        "last": {
            "decided_on": str(nav.index[-1].date()),
            "multiplier": float(multiplier.iloc[-1]),
            "score": _known(found.frame["score"].iloc[-1]),
        },
    }


def whipsaws(multiplier: pd.Series, profit: pd.Series, within: int = WHIPSAW_SESSIONS) -> pd.DataFrame:
    """Changes taken back within `within` sessions: `start, end, sessions, change, cost`.

    multiplier  share of the hedge in force after each close
    profit      P&L of the full hedge by session, fractions of NAV; a return is dated by the close it ends on

    `cost` is `-change x P&L of the hedge while the change stood`, positive where the account was worse off for it;
    trading comes on top.
    """
    moves = multiplier.diff().fillna(0.0)
    at = np.flatnonzero(moves.to_numpy() != 0.0)
    rows = []
    for one, after in pairwise(at.tolist()):
        change = float(moves.iloc[one])
        if after - one <= within and change * float(moves.iloc[after]) < 0.0:
            start, end = multiplier.index[one], multiplier.index[after]
            earned = float(profit[(profit.index > start) & (profit.index <= end)].sum())
            rows.append((start, end, after - one, change, -change * earned))
    return pd.DataFrame(rows, columns=["start", "end", "sessions", "change", "cost"])


def _navs(found: Switched, nav: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return found.nav.iloc[:, 0], nav["hedged"]


def _against(tactical: pd.Series, other: pd.Series) -> dict[str, Json]:
    """Mean difference a year with its t-statistic, and the difference of variances with its p-value."""
    annual, t = annual_and_t(tactical - other)
    told: dict[str, Json] = {"annual": annual, "t": t}
    if float(np.abs(tactical - other).max()) > 0.0:
        test = hedge.paired_test(tactical, other)
        told |= {"variance_difference": test.difference / float(np.var(other)), "p_value": test.p_value}
    return told


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
