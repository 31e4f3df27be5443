"""Rules and figures in words, the same for explanations, comparisons and reports."""

from __future__ import annotations

import math
import textwrap

from screens.rule_spec import Condition, Label, MetricCall

COLUMNS = 80
_REASONS = {
    "neg_ebitda": "net debt but no EBITDA: worst tier",
    "neg_ebit": "interest but no operating income: worst tier",
    "neg_operating_income": "net debt but no operating income: worst tier",
    "neg_equity": "equity is negative: worst tier",
    "neg_equity_loss": "equity is negative and there is a loss: worst tier",
    "neg_equity_use_roa": "equity is negative without a loss: see roa",
    "thin_equity_use_roa": "equity is too thin for a quotient: see roa",
    "neg_capital_loss": "invested capital is negative and there is a loss: worst tier",
    "no_revenue_loss": "no revenue and a loss: worst tier",
    "net_cash": "more cash than debt: best tier",
    "no_debt": "no debt: best tier",
    "no_interest": "no interest to pay: best tier",
    "no_burn": "burns no cash: best tier",
    "nothing_due": "nothing falls due: best tier",
    "sector": "has no meaning in this sector",
}


def metric_in_words(call: MetricCall) -> str:
    """`ai_beta(factor=SMH)`, `roa.change4`."""
    name = f"{call.metric}.{call.history.label()}" if call.history else call.metric
    params = ", ".join(f"{key}={value}" for key, value in sorted(call.params.items()))
    return f"{name}({params})" if params else name


def rule_in_words(leaf: Condition | Label, name: str | None = None) -> str:
    """One condition: `net_debt_ebitda > 4`, `roa < percentile 0.2 of its sector`, `sector in Energy`."""
    if isinstance(leaf, Label):
        return f"{leaf.field} in {', '.join(leaf.one_of)}"
    name = name or metric_in_words(leaf)
    where = "" if leaf.within == "universe" else f" of its {leaf.within}"
    if leaf.value is not None:
        return f"{name} {leaf.op} {leaf.value:g}"
    if leaf.pct is not None:
        return f"{name} {leaf.op} percentile {leaf.pct:g}{where}"
    if leaf.between is not None:
        return f"{name} between {leaf.between[0]:g} and {leaf.between[1]:g}"
    if leaf.pct_between is not None:
        return f"{name} between percentiles {leaf.pct_between[0]:g} and {leaf.pct_between[1]:g}{where}"
    return f"{name} in {', '.join(f'{value:g}' for value in leaf.one_of or ())}"


def figure_in_words(value: float, unit: str = "") -> str:
    """A figure with four digits that say something; `unknown` where there is none.

    >>> figure_in_words(0.123456, "ratio"), figure_in_words(2.5e9, "USD"), figure_in_words(float("nan"))
    ('0.1235 ratio', '2.5 bn USD', 'unknown')
    """
    if math.isnan(value):
        return "unknown"
    scale, word = next(((s, w) for s, w in ((1e9, " bn"), (1e6, " m")) if abs(value) >= s), (1.0, ""))
    return f"{value / scale:.4g}{word}{f' {unit}' if unit else ''}"


def wrapped(line: str, indent: int) -> str:
    """A line of a terminal's 80 columns, what is over going beneath it at `indent`."""
    return textwrap.fill(line, COLUMNS, subsequent_indent=" " * indent, break_on_hyphens=False)


def reason_in_words(code: str) -> str:
    """What a metric's reason code means; the code itself where it speaks for itself."""
    return _REASONS.get(code, code.replace("_", " "))
