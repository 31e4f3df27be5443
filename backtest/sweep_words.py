"""What a sweep concludes, in sentences: how many were tried, and what that does to the best of them.

The best variant is named, never recommended: with enough trials one of them always looks good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backtest.report.numerals import is_number, numeral

if TYPE_CHECKING:
    import pandas as pd

PLAIN = 0.95
"""Chance from which a deflated Sharpe is called evidence."""
VERDICTS = {
    "over_cash": "which luck does not explain; the rise of the long book is in it",
    "over_benchmark": "which is evidence for these baskets",
}


def conclusion(summary: Mapping[str, object], table: pd.DataFrame) -> list[str]:
    """Sentences, the number of trials first."""
    counts = _part(summary, "variants")
    tried, lost = counts["tried"], int(str(counts["failed"])) + int(str(counts["ruined"]))
    first = (
        f"{tried} variants were tried; {lost} of them failed or were ruined, and count as trials. By what they add to "
        f"the benchmark hedge ({summary['benchmark']}) they count as {summary['effective_trials']}."
    )
    told = [first]
    if counts["done"] == 0:
        return [first, "None could be held, so there is nothing to rank."]
    for name, what in (("over_cash", "Sharpe over cash"), ("over_benchmark", "Sharpe over the benchmark hedge")):
        told.append(_deflated(what, _part(_part(summary, "deflated_sharpe"), name), VERDICTS[name]))
    overfitting = _part(summary, "overfitting").get("over_cash")
    if isinstance(overfitting, Mapping):
        told.append(
            f"The best in one half of the sessions falls below the median in the other half in "
            f"{numeral(overfitting['pbo'], 'percent0')} of {overfitting['n_splits']} splits (probability of "
            "overfitting; near a half, the ranking says nothing)."
        )
    tests = summary.get("tests")
    if isinstance(tests, Mapping):
        told.append(f"{_tested('return', _part(tests, 'return'))} {_tested('variance', _part(tests, 'variance'))}")
    told.append("The ranking is a description of the past. It is not a way to choose a variant.")
    return told


def _deflated(what: str, found: Mapping[str, object], enough: str) -> str:
    by_trials, by_clusters = _part(found, "trials"), _part(found, "effective_trials")
    if not is_number(by_trials["chance"]):
        return f"No variant has a {what}."
    chance = float(str(by_trials["chance"]))
    verdict = enough if chance >= PLAIN else "which is no evidence"
    return (
        f"The best {what} is {numeral(by_trials['best_found'], 'ratio')} a year (variant {by_trials['variant']}); the "
        f"best of so many without skill would show {numeral(by_trials['best_by_luck'], 'ratio')}. Deflated, the chance "
        f"that it is more than luck is {numeral(chance, 'percent0')}, {verdict} "
        f"({numeral(by_clusters['chance'], 'percent0')} if trials that move together count once)."
    )


def _tested(what: str, found: Mapping[str, object]) -> str:
    winners = found["winners"]
    count = len(winners) if isinstance(winners, list) else 0
    many = "no variant beats" if count == 0 else f"{count} beat{'s' if count == 1 else ''}"
    return (
        f"In {what}, {many} the benchmark hedge at 5 % (StepM; White p {numeral(found['reality_check'], 'ratio')}, "
        f"Hansen p {numeral(found['superior'], 'ratio')})."
    )


def _part(found: Mapping[str, object], key: str) -> Mapping[str, object]:
    part = found[key]
    assert isinstance(part, Mapping)
    return part
