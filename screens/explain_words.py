"""An explanation as text: one line for each limit that fails, each rule, each metric, and what would have to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.describe import figure_in_words

if TYPE_CHECKING:
    from screens.explain import BlockAnswer, Explanation, FilingAnswer, RuleAnswer


def in_words(found: Explanation) -> str:
    """The whole explanation, for a terminal of 120 columns."""
    place = f", rank {found.rank} of {found.ranked}" if found.rank is not None else ""
    score = "" if found.score is None else f", score {found.score:.2f} (higher is worse)"
    lines = [f"{found.ticker} on {found.as_of}, screen {found.screen}: {found.status}{place}{score}"]
    if found.excluded_by:
        lines.append(f"Excluded by: {', '.join(found.excluded_by)}")
    failed = [limit for limit in found.universe if not limit.passed]
    lines += ["", f"Universe: passes {len(found.universe) - len(failed)} of {len(found.universe)} limits"]
    for limit in failed:
        value = limit.value if isinstance(limit.value, str) else _figure(limit.value)
        has = "" if limit.value is None else f", has {value}"
        lines.append(f"  fails {limit.limit}: needs {limit.requirement}{has}")
    if found.rules:
        lines += ["", "Rules", *(f"  {_rule(rule)}" for rule in found.rules)]
    if found.blocks:
        lines += ["", "Blocks (percentiles: higher is worse)"]
    for block in found.blocks:
        lines += _block(block)
    if found.change:
        lines += ["", "What would have to change", *(f"  {sentence}" for sentence in found.change)]
    return "\n".join(lines)


def _figure(value: float | None, unit: str = "") -> str:
    return "unknown" if value is None else figure_in_words(value, unit)


def _rule(rule: RuleAnswer) -> str:
    verdict = "unknown" if rule.missing else "pass" if rule.passed else "fail"
    value = rule.value if isinstance(rule.value, str) else _figure(rule.value)
    if rule.reason:
        value = rule.reason
    parts = [f"{verdict:8}{rule.path}  {rule.rule}: {value}"]
    if rule.percentile is not None:
        parts.append(f"percentile {rule.percentile:.2f}")
        if rule.threshold is not None:
            parts.append(f"border {figure_in_words(rule.threshold)}")
    if rule.note:
        parts.append(rule.note)
    return ", ".join(parts)


def _block(block: BlockAnswer) -> list[str]:
    where = "no score" if block.percentile is None else f"percentile {block.percentile:.2f}, z {block.score:+.2f}"
    head = f"  {block.name}, weight {block.weight:.0%}: {where} ({block.known} of {len(block.metrics)} metrics known)"
    lines = [head]
    for metric in block.metrics:
        value = _figure(metric.value, metric.unit)
        value = f"{value} ({metric.reason})" if metric.reason else value
        within = "" if metric.ranked_within == "all" else f" of its {metric.ranked_within}"
        share = "" if metric.percentile is None else f", percentile {metric.percentile:.2f}{within}"
        note = f"; {metric.note}" if metric.note else ""
        lines.append(f"    {metric.name}: {value}{share}{note}{_filings(metric.filings)}")
    return lines


def _filings(filings: tuple[FilingAnswer, ...]) -> str:
    """The filings in a few words, newest first, each once."""
    seen = {(f.filed or "date assumed", f.form, f.period_end): f for f in filings}
    words = [
        f"{form or 'filing'} of {filed} for {end}{f' [{chr(44).join(f.flags)}]' if f.flags else ''}"
        for (filed, form, end), f in sorted(seen.items(), key=lambda item: item[0], reverse=True)
    ]
    return f"; {'; '.join(words[:2])}{f'; and {len(words) - 2} more' if len(words) > 2 else ''}" if words else ""
