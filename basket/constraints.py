r"""Weights nearest to the base weights that obey every rule, or the rules that cannot hold together.

1. Minimise :math:`\sum_i (w_i-b_i)^2/b_i` (or w'Σw) subject to `Σw = 1`, `w ≥ 0` and the rules: a quadratic program,
   solved by Clarabel's interior-point method.
2. When that is infeasible, rules with a priority give way, the last priority first: level by level the total breach
   is minimised and then fixed, so a rule is broken only as much as the rules above it require.
3. When the rules that must hold are themselves infeasible, look for the smallest conflict: single rules, pairs,
   triples; beyond that drop each rule in turn and leave it out for good if the rest stays infeasible. Removing any
   one of what remains makes the rest feasible.

References: Goulart and Chen (2024), "Clarabel: An interior-point solver for conic programs with quadratic objectives";
Chinneck and Dravnieks (1991), "Locating Minimal Infeasible Constraint Sets in Linear Programs" (the deletion filter).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from basket.rules import AnyRule, Rule
from market.errors import InfeasibleError

Floats = npt.NDArray[np.float64]

AT_LIMIT = 1e-6  # a weight this close to a limit is held there by it
NEGLIGIBLE = 1e-9  # the solver's zero; a weight below it is not a position
SMALLEST_UP_TO = 3  # conflicts of more rules are minimal, not smallest: the number of subsets grows too fast
# The solver's own 1e-7, a hundred weights at once, would make one level's least breach impossible at the next.
EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
ROOM = (1e-6, 1e-5)  # what the program may miss a rule by where there is exactly one way to hold it
BREACH = 2e-5  # a rule broken by less is one that the solver holds
FEASIBLE = 1e-8  # accuracy to which an interior-point solution keeps a rule


@dataclass(frozen=True)
class Solution:
    """weights (n_assets,) sum to 1. bound: rule to the labels at their limit. broken: soft rule to its breach."""

    weights: Floats
    bound: dict[str, list[str]]
    broken: dict[str, float]


def solve(base: Floats, rules: Sequence[AnyRule], *, covariance: Floats | None = None) -> Solution:
    """Weights under the rules.

    `base` (n_assets,): the weights to stay near to; a name with base 0 gets none. With `covariance`
    (n_assets, n_assets) the variance is minimised instead. Raises `InfeasibleError` naming a minimal conflict.
    """
    live = np.flatnonzero(base > 0)
    start = base[live] / base[live].sum()
    scale = 2.0 * (np.diag(1.0 / start) if covariance is None else covariance[np.ix_(live, live)])
    linear = np.full(live.size, -2.0) if covariance is None else np.zeros(live.size)
    cut = [_on(rule, live) for rule in rules]
    allowance = dict.fromkeys(range(len(cut)), 0.0)
    found = _quadratic(scale, linear, cut, allowance)
    if found is None:
        hard = [i for i, rule in enumerate(cut) if rule.priority is None]
        if not _feasible(live.size, [cut[i] for i in hard]):
            raise InfeasibleError(conflict_in_words([cut[i] for i in hard], live.size))
        allowance = _give_way(live.size, cut)
        found = next(
            (x for room in ROOM if (x := _quadratic(scale, linear, cut, _with(allowance, cut, room))) is not None), None
        )
        if found is None:
            raise InfeasibleError("the solver found no weights although the rules allow some; loosen the tightest one")
    weights = np.zeros(base.size)
    weights[live] = np.where(found < NEGLIGIBLE, 0.0, found)
    weights /= weights.sum()
    bound = {rule.name: rule.binding(weights, AT_LIMIT) for rule in rules}
    return Solution(
        weights,
        {name: labels for name, labels in bound.items() if labels},
        {
            rule.name: rule.excess(weights)
            for rule in rules
            if rule.priority is not None and rule.excess(weights) > BREACH
        },
    )


def minimal_conflict(n_assets: int, rules: Sequence[AnyRule]) -> list[AnyRule]:
    """Rules that cannot hold together although any one less of them can; empty when all can hold.

    Up to three rules the set is the smallest there is; a larger conflict is minimal, though others may be smaller.
    """
    if _feasible(n_assets, rules):
        return []
    for size in range(1, min(len(rules), SMALLEST_UP_TO) + 1):
        for few in combinations(rules, size):
            if not _feasible(n_assets, few):
                return list(few)
    kept = list(rules)
    for rule in rules:
        without = [other for other in kept if other is not rule]
        if not _feasible(n_assets, without):
            kept = without
    return kept


def least_loosening(n_assets: int, conflict: Sequence[AnyRule]) -> list[float]:
    """By how much each rule of a minimal conflict, loosened alone, lets all of them hold; in the rule's own unit."""
    out = []
    for rule in conflict:
        rules = [replace(other, priority=1 if other is rule else None) for other in conflict]
        out.append(next(iter(_give_way(n_assets, rules).values())))
    return out


def conflict_in_words(rules: Sequence[AnyRule], n_assets: int) -> str:
    """The minimal conflict as a sentence; '' when all rules can hold."""
    conflict = minimal_conflict(n_assets, rules)
    if not conflict:
        return ""
    names = "; ".join(rule.name for rule in conflict)
    enough = least_loosening(n_assets, conflict)
    if len(conflict) == 1:
        return f"with {n_assets} names this rule cannot hold: {names}. Loosen it by {enough[0]:.3g}, or hold more names"
    each = ", or ".join(f"{rule.name} by {amount:.3g}" for rule, amount in zip(conflict, enough, strict=True))
    return (
        f"with {n_assets} names these rules cannot all hold: {names}. Loosening any one of them makes the rest "
        f"possible: {each}"
    )


def _on(rule: AnyRule, live: npt.NDArray[np.int64]) -> AnyRule:
    """The rule seen by the live names alone."""
    if isinstance(rule, Rule):
        return Rule(rule.name, rule.rows[:, live], rule.lower, rule.upper, rule.labels, rule.priority)
    dead = float(np.abs(rule.previous).sum() - np.abs(rule.previous[live]).sum())
    return type(rule)(rule.name, rule.previous[live], rule.gone + dead, rule.cap, rule.priority)


def _inequalities(
    n_assets: int, rules: Sequence[AnyRule], allowance: dict[int, float]
) -> tuple[Floats, Floats, int, npt.NDArray[np.int64]]:
    """All rules as `G·[w, t] ≤ h`, t (n_assets) the trades when turnover is limited; and the rule of each row."""
    with_trades = any(not isinstance(rule, Rule) for rule in rules)
    width = 2 * n_assets if with_trades else n_assets
    blocks, bounds, owner = [], [], []
    for number, rule in enumerate(rules):
        slack = allowance.get(number, 0.0)
        if isinstance(rule, Rule):
            for sign, limit in ((1.0, rule.upper), (-1.0, -rule.lower)):
                rows = np.flatnonzero(np.isfinite(limit))
                block = np.zeros((rows.size, width))
                block[:, :n_assets] = sign * rule.rows[rows]
                blocks.append(block)
                bounds.append(limit[rows] + slack)
                owner += [number] * rows.size
        else:
            total = np.zeros((1, width))
            total[0, n_assets:] = 0.5
            eye = np.eye(n_assets)
            blocks += [np.hstack((eye, -eye)), np.hstack((-eye, -eye)), total]
            bounds += [rule.previous, -rule.previous, np.array([rule.cap - 0.5 * rule.gone + slack])]
            owner += [-1] * (2 * n_assets) + [number]
    if not blocks:
        return np.zeros((0, width)), np.zeros(0), width, np.zeros(0, dtype=np.int64)
    return np.vstack(blocks), np.concatenate(bounds), width, np.array(owner, dtype=np.int64)


def _quadratic(scale: Floats, linear: Floats, rules: Sequence[AnyRule], allowance: dict[int, float]) -> Floats | None:
    """The quadratic program; None when it is infeasible."""
    import clarabel
    from scipy import sparse

    n_assets = linear.size
    g, h, width, _ = _inequalities(n_assets, rules, allowance)
    sum_row = np.zeros((1, width))
    sum_row[0, :n_assets] = 1.0
    positive = np.hstack((-np.eye(n_assets), np.zeros((n_assets, width - n_assets))))
    quadratic = np.zeros((width, width))
    quadratic[:n_assets, :n_assets] = scale
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(np.triu(quadratic)),
        np.concatenate((linear, np.zeros(width - n_assets))),
        sparse.csc_matrix(np.vstack((sum_row, positive, g))),
        np.concatenate(([1.0], np.zeros(n_assets), h)),
        [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(n_assets + h.size)],
        settings,
    )
    solution = solver.solve()
    if str(solution.status) not in ("Solved", "AlmostSolved"):
        return None
    return np.asarray(solution.x)[:n_assets]


def _linear(objective: Floats, g: Floats, h: Floats, width: int, n_assets: int) -> tuple[Floats, float] | None:
    from scipy.optimize import linprog

    sum_row = np.zeros((1, width))
    sum_row[0, :n_assets] = 1.0
    result = linprog(
        objective, A_ub=g if h.size else None, b_ub=h if h.size else None, A_eq=sum_row, b_eq=[1.0], options=EXACT
    )
    return (np.asarray(result.x), float(result.fun)) if result.status == 0 else None


def _feasible(n_assets: int, rules: Sequence[AnyRule]) -> bool:
    if n_assets == 0:
        return False
    g, h, width, _ = _inequalities(n_assets, rules, {})
    return _linear(np.zeros(width), g, h + FEASIBLE, width, n_assets) is not None


def _with(allowance: dict[int, float], rules: Sequence[AnyRule], room: float) -> dict[int, float]:
    """Least breaches with some room: on the edge of infeasibility an interior-point method has no interior."""
    return {i: allowance.get(i, 0.0) + room for i in range(len(rules))}


def _give_way(n_assets: int, rules: Sequence[AnyRule]) -> dict[int, float]:
    """Smallest breach of each soft rule, the first priority kept before the next."""
    allowance: dict[int, float] = {}
    kept = [i for i, rule in enumerate(rules) if rule.priority is None]
    for level in sorted({rule.priority for rule in rules if rule.priority is not None}):
        kept += [i for i, rule in enumerate(rules) if rule.priority == level]
        chosen = [rules[i] for i in kept]
        settled = {k: allowance[i] + FEASIBLE for k, i in enumerate(kept) if i in allowance}
        g, h, width, owner = _inequalities(n_assets, chosen, settled)
        soft = [k for k, i in enumerate(kept) if rules[i].priority == level]
        slack = np.array([[-float(row == k) for k in soft] for row in owner]).reshape(owner.size, len(soft))
        objective = np.concatenate((np.zeros(width), np.ones(len(soft))))
        found = _linear(objective, np.hstack((g, slack)), h + FEASIBLE, width + len(soft), n_assets)
        if found is None:
            raise InfeasibleError("the rules that must hold leave no weights")
        for k, value in zip(soft, found[0][width:], strict=True):
            allowance[kept[k]] = max(float(value), 0.0)
    return allowance
