"""From the names held to their weights: the scheme's base weights, then caps and targets.

1. Base weights by the scheme, from what the signal session knows.
2. Limits per name: the name cap, and what liquidity and the stock of borrowable shares allow at a notional.
3. With caps alone, water-filling gives the nearest weights exactly. With exposure targets or minimum variance the
   convex program does, a turnover cap then being one of its rules: names that leave by rank stay as far as it requires.
4. Without targets a turnover cap blends the new weights with the drifted ones; a cap that these exceed is noted.
5. What cannot hold is an error that names the date and the smallest set of rules in conflict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket import weighting
from basket.capacity import ADV_SESSIONS
from basket.caps import cap_weights
from basket.constraints import conflict_in_words, solve
from basket.exposures import exposures, of_portfolio, sector_weights
from basket.rules import AnyRule, TurnoverRule, exposure_band, group_cap, limits, name_cap, percent, sectors_near
from basket.selection import blend_to_turnover_cap
from basket.weight_spec import (
    CapWeighted,
    Equal,
    Given,
    InverseVolatility,
    LiquidityCapped,
    MinimumVariance,
    RiskParity,
    ScoreTilt,
    Target,
    Weights,
)
from market.errors import ConfigError, DataError, InfeasibleError

if TYPE_CHECKING:
    from basket.pool import Pool
    from market.market import Market
    from market.view import View

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LEAVES = 1e-3  # of the least base weight: names that leave are the first to be sold
CAP_TOLERANCE = 1e-6


@dataclass
class Sizer:
    """Weights for the names of each rebalance.

    signals: the session each rebalance may know. book: weights of the long book by signal session (n_assets,), for
    targets relative to it. notes: what bound or gave way, as (rebalance number, event, detail).
    """

    weights: Weights
    data: Market
    signals: pd.DatetimeIndex
    targets: Sequence[Target] = ()
    turnover_cap: float | None = None
    book: Mapping[int, Floats] = field(default_factory=dict)
    market: str = "SPY"
    notes: list[tuple[int, str, float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        relative = any(target.relative_to == "book" for target in self.targets)
        if relative and not self.book:
            raise ConfigError(
                "targets relative to the long book need one: give --book on the command line, book=... in Python"
            )

    def __call__(self, number: int, pool: Pool, held: Ints, drifted: Floats, forced: Bools) -> Floats:
        """Weights (n_assets,) of the names `held` (positions) at one rebalance.

        drifted (n_assets,): weights before the trade, zero at an inception. forced: deletions, exempt from the cap.
        Raises `InfeasibleError` naming the date and the rules in conflict.
        """
        out = np.zeros(pool.rank.size)
        if isinstance(self.weights, Given) and pool.given is not None and (pool.given[held] < 0).any():
            self._demand_no_caps()
            out[held] = pool.given[held] / pool.given[held].sum()
            return out
        try:
            if self.targets or isinstance(self.weights, MinimumVariance):
                held, weights = self._by_program(number, pool, held, drifted, forced)
                out[held] = weights
                return out
            upper = np.minimum.reduce([cap for _, cap in self._named_limits(number, held)])
            out[held] = self._by_water_filling(number, pool, held, self._base(number, pool, held), upper)
        except InfeasibleError as error:
            raise InfeasibleError(f"{self.signals[number]:%Y-%m-%d}: {error}") from None
        if self.turnover_cap is not None and drifted.any():
            out, theta = blend_to_turnover_cap(out, drifted, self.turnover_cap, forced)
            if theta < 1:
                self.notes.append(
                    (number, "turnover_capped", theta, f"moved {percent(theta)} of the way to the new weights")
                )
                self._note_caps(number, pool, out)
        return out

    def _demand_no_caps(self) -> None:
        """Caps are limits of what is held long; weights that stand as given, shorts among them, obey none."""
        caps = ("name_cap", "sector_cap", "issuer_cap", "liquidity", "borrow")
        given = [f"weights.{name}" for name in caps if getattr(self.weights, name) is not None]
        given += ["turnover_cap"] if self.turnover_cap is not None else []
        if given:
            raise ConfigError(f"{', '.join(given)}: does not go with given weights of which some are short")

    def _note_caps(self, number: int, pool: Pool, weights: Floats) -> None:
        """What the turnover cap kept above a cap: drifted weights may stand there until the next rebalance."""
        cap = self.weights.name_cap
        over = [] if cap is None else np.flatnonzero(weights > cap + CAP_TOLERANCE).tolist()
        if over:
            text = f"name cap {percent(cap or 1.0)}: {len(over)} above it, as the turnover cap kept them"
            self.notes.append((number, "rule_gave_way", float(weights[over].max() - (cap or 1.0)), text))
        cap = self.weights.sector_cap
        known = pool.sector >= 0
        sums = np.bincount(pool.sector[known], weights=weights[known], minlength=len(pool.sector_names))
        if cap is not None and sums.max(initial=0.0) > cap + CAP_TOLERANCE:
            name = pool.sector_names[int(sums.argmax())]
            text = f"sector cap {percent(cap)}: {name} above it, as the turnover cap kept it"
            self.notes.append((number, "rule_gave_way", float(sums.max() - cap), text))

    def _view(self, number: int) -> View:
        return self.data.as_of(self.signals[number])

    def _base(self, number: int, pool: Pool, held: Ints) -> Floats:
        scheme = self.weights
        if isinstance(scheme, Equal | LiquidityCapped | MinimumVariance):
            return weighting.equal(held.size)
        if isinstance(scheme, Given):
            if pool.given is None:
                raise ConfigError("scheme given needs a source that gives weights")
            return pool.given[held] / pool.given[held].sum()
        view = self._view(number)
        if isinstance(scheme, CapWeighted):
            return weighting.cap_power(view.market_cap()[held], scheme.power)
        if isinstance(scheme, InverseVolatility):
            return weighting.inverse_volatility(view.returns(scheme.window)[:, held], scheme.floor_percentile)
        if isinstance(scheme, RiskParity):
            return weighting.risk_parity(weighting.covariance(view.returns(scheme.window)[:, held]))
        assert isinstance(scheme, ScoreTilt)
        start = weighting.equal(held.size) if scheme.base == "equal" else weighting.cap_power(view.market_cap()[held])
        return weighting.score_tilt(start, pool.score[held], scheme.strength)

    def _named_limits(self, number: int, held: Ints) -> list[tuple[str, Floats]]:
        """Limits of each name held (n_held,), the name cap (or 1) first."""
        scheme = self.weights
        cap = scheme.name_cap if scheme.name_cap is not None else 1.0
        found = [(f"name cap {percent(cap)}", np.full(held.size, cap))]
        if scheme.liquidity is not None:
            rule = scheme.liquidity
            adv = self._view(number).dollar_volume(ADV_SESSIONS)[held]
            text = f"{percent(rule.participation)} of volume for {rule.days:g} days at {rule.notional / 1e6:g} m USD"
            found.append((text, weighting.liquidity_limits(adv, rule.participation, rule.days, rule.notional)))
        if scheme.borrow is not None:
            view = self._view(number)
            available = view.borrow_available()[held] * view.close()[held]
            limit = scheme.borrow.share_of_available * available / scheme.borrow.notional
            text = f"{percent(scheme.borrow.share_of_available)} of the shares to borrow"
            found.append((text, np.where(np.isfinite(limit), np.minimum(limit, 1.0), 1.0)))
        return found

    def _by_water_filling(self, number: int, pool: Pool, held: Ints, base: Floats, upper: Floats) -> Floats:
        sector_cap, issuer_cap = self.weights.sector_cap, self.weights.issuer_cap
        groups, caps = pool.sector[held], np.full(len(pool.sector_names), sector_cap or 1.0)
        if issuer_cap is not None:
            # Issuers lie inside sectors, so their lines are capped first, in proportion to their base weights.
            for issuer in np.unique(pool.issuer[held]):
                lines = np.flatnonzero(pool.issuer[held] == issuer)
                if issuer >= 0 and lines.size > 1:
                    upper = upper.copy()
                    upper[lines] = np.minimum(upper[lines], issuer_cap * base[lines] / base[lines].sum())
            upper = np.minimum(upper, issuer_cap)
        try:
            return cap_weights(base, upper, groups, caps if sector_cap is not None else None)
        except InfeasibleError:
            rules = self._cap_rules(number, pool, held)
            conflict = conflict_in_words(rules, held.size)
            if conflict:
                raise InfeasibleError(conflict) from None
            # Shares of a company's lines in fixed proportion do not fit, but others do.
            return solve(base, rules).weights

    def _cap_rules(self, number: int, pool: Pool, held: Ints) -> list[AnyRule]:
        tickers = [str(self.data.tickers[position]) for position in held]
        scheme = self.weights
        rules: list[AnyRule] = []
        if scheme.name_cap is not None:
            rules.append(name_cap(tickers, scheme.name_cap))
        if scheme.sector_cap is not None:
            labels = [pool.sector_names[code] if code >= 0 else "" for code in pool.sector[held]]
            rules.append(group_cap("sector cap", labels, scheme.sector_cap))
        if scheme.issuer_cap is not None:
            labels = [f"issuer {code}" if code >= 0 else "" for code in pool.issuer[held]]
            rules.append(group_cap("issuer cap", labels, scheme.issuer_cap))
        named = self._named_limits(number, held)[1:]
        return rules + [limits(name, tickers, upper) for name, upper in named]

    def _by_program(self, number: int, pool: Pool, held: Ints, drifted: Floats, forced: Bools) -> tuple[Ints, Floats]:
        """Names and their weights by the convex program.

        Where the turnover cap cannot hold because names leave by rank, those names stay as far as it requires.
        """
        base = self._base(number, pool, held)
        covariance = self._covariance(number, held)
        rules = self._program_rules(number, pool, held, drifted, forced)
        leaving = np.setdiff1d(np.flatnonzero((drifted > 0) & ~forced), held)
        try:
            solution = solve(base, rules, covariance=covariance)
        except InfeasibleError:
            if not isinstance(rules[-1], TurnoverRule) or leaving.size == 0:
                raise
            held = np.concatenate((held, leaving))
            base = np.concatenate((base, np.full(leaving.size, LEAVES * base.min())))
            rules = self._program_rules(number, pool, held, drifted, forced)
            solution = solve(base, rules, covariance=self._covariance(number, held))
            stayed = held[-leaving.size :][solution.weights[-leaving.size :] > 0].size
            text = f"{stayed} names that leave by rank are sold in part: the turnover cap has no room"
            self.notes.append((number, "turnover_capped", float(stayed), text))
        self.notes += [
            (number, "rule_bound", float(len(labels)), f"{name}: {', '.join(labels[:5])}")
            for name, labels in solution.bound.items()
        ]
        self.notes += [(number, "rule_gave_way", breach, name) for name, breach in solution.broken.items()]
        return held, solution.weights

    def _covariance(self, number: int, held: Ints) -> Floats | None:
        if not isinstance(self.weights, MinimumVariance):
            return None
        found = weighting.covariance(self._view(number).returns(self.weights.window)[:, held])
        return found / np.trace(found)

    def _program_rules(self, number: int, pool: Pool, held: Ints, drifted: Floats, forced: Bools) -> list[AnyRule]:
        view = self._view(number)
        rules = self._cap_rules(number, pool, held)
        known = exposures(view, self.market) if self.targets else {}
        for target in self.targets:
            rules.append(self._target_rule(number, view, pool, held, target, known))
        if self.turnover_cap is not None and drifted.any():
            # Deletions are exempt: what they free is traded once on top of the cap.
            freed = float(drifted[forced].sum())
            gone = float(drifted.sum() - drifted[held].sum())
            name = f"turnover cap {percent(self.turnover_cap)}"
            rules.append(TurnoverRule(name, drifted[held], gone, self.turnover_cap + freed))
        return rules

    def _target_rule(
        self, number: int, view: View, pool: Pool, held: Ints, target: Target, known: Mapping[str, Floats]
    ) -> AnyRule:
        if target.relative_to == "book" and not self.book[number].any():
            raise DataError(
                f"{self.signals[number]:%Y-%m-%d}: the long book that targets are relative to holds nothing yet; start "
                "the basket after the book"
            )
        if target.exposure == "sector":
            labels = [pool.sector_names[code] if code >= 0 else "" for code in pool.sector[held]]
            wanted = sector_weights(view.sector(), self.book[number])
            return sectors_near(labels, wanted, target.within, target.priority)
        centre = target.target or 0.0
        name: str = target.exposure
        if not np.isfinite(known[target.exposure][held]).any():
            raise DataError(
                f"{self.signals[number]:%Y-%m-%d}: no name held has a known {target.exposure}, so none can be aimed at"
            )
        if target.relative_to == "book":
            of_book = of_portfolio(known[target.exposure], self.book[number])
            if not np.isfinite(of_book):
                raise DataError(
                    f"{self.signals[number]:%Y-%m-%d}: the long book has no known {target.exposure} to be relative to"
                )
            centre += of_book
            name += " near the book's"
        return exposure_band(name, known[target.exposure][held], centre, target.within, target.priority)
