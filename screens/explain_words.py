"""An explanation as text: one line for each limit that fails, each rule, each metric, and what would have to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.describe import figure_in_words, wrapped

if TYPE_CHECKING:
    from screens.explain import BlockAnswer, Explanation, FilingAnswer, MetricAnswer, RuleAnswer


def in_words(found: Explanation) -> str:
    """The whole explanation, for a terminal of 80 columns."""
    place = f", rank {found.rank} of {found.ranked}" if found.rank is not None else ""
    score = "" if found.score is None else f", score {found.score:.2f} (higher is worse)"
    lines = [wrapped(f"{found.ticker} on {found.as_of}, screen {found.screen}: {found.status}{place}{score}", 2)]
    if found.excluded_by:
        lines.append(wrapped(f"Excluded by: {', '.join(found.excluded_by)}", 2))
    failed = [limit for limit in found.universe if not limit.passed]
    lines += ["", f"Universe: passes {len(found.universe) - len(failed)} of {len(found.universe)} limits"]
    for limit in failed:
        value = limit.value if isinstance(limit.value, str) else _figure(limit.value)
        has = "" if limit.value is None else f", has {value}"
        lines.append(wrapped(f"  fails {limit.limit}: needs {limit.requirement}{has}", 4))
    if found.rules:
        lines += ["", "Rules", *(line for rule in found.rules for line in _rule(rule))]
    if found.blocks:
        lines += ["", "Blocks (percentiles: higher is worse)"]
    for block in found.blocks:
        lines += _block(block)
    if found.change:
        lines += ["", "What would have to change", *(wrapped(f"  {sentence}", 4) for sentence in found.change)]
    return "\n".join(lines)


def _figure(value: float | None, unit: str = "") -> str:
    return "unknown" if value is None else figure_in_words(value, unit)


def _rule(rule: RuleAnswer) -> list[str]:
    verdict = "unknown" if rule.missing else "pass" if rule.passed else "fail"
    value = rule.value if isinstance(rule.value, str) else _figure(rule.value)
    if rule.reason:
        value = rule.reason
    parts = [f"  {verdict:8}{rule.path}  {rule.rule}: {value}"]
    if rule.percentile is not None:
        parts.append(f"percentile {rule.percentile:.2f}")
        if rule.threshold is not None:
            parts.append(f"border {figure_in_words(rule.threshold)}")
    if rule.note:
        parts.append(rule.note)
    return [wrapped(", ".join(parts), 10), *_filings(rule.filings, 10)]


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
        lines.append(wrapped(f"    {metric.name}: {value}{share}{note}", 6))
        lines += [*_sources(metric), *_filings(metric.filings, 6)]
    return lines


def _sources(metric: MetricAnswer) -> list[str]:
    """What each source of AI exposure says, and how far they lie apart."""
    if not metric.sources:
        return []
    ranks = [share for share in metric.sources.values() if share is not None]
    words = [f"{name} {'unknown' if share is None else f'{share:.2f}'}" for name, share in metric.sources.items()]
    words.append(f"tagged {', '.join(metric.tags)}" if metric.tags else "no tag")
    apart = f"; they lie {max(ranks) - min(ranks):.2f} apart" if len(ranks) > 1 else ""
    return [wrapped(f"      AI exposure by source (percentile): {', '.join(words)}{apart}", 8)]


def _filings(filings: tuple[FilingAnswer, ...], indent: int) -> list[str]:
    """The filings in a few words, newest first, each once."""
    seen = {(f.filed or "date assumed", f.form, f.period_end): f for f in filings}
    words = [
        f"{form or 'filing'} of {filed} for {end}{f' [{chr(44).join(f.flags)}]' if f.flags else ''}"
        for (filed, form, end), f in sorted(seen.items(), key=lambda item: item[0], reverse=True)
    ]
    if not words:
        return []
    more = f"; and {len(words) - 2} more" if len(words) > 2 else ""
    return [wrapped(f"{' ' * indent}from {'; '.join(words[:2])}{more}", indent + 2)]
