"""A basket's or a book's rulebook in words, from its spec and its screen's alone: no data are read.

Sections, each a list of sentences: what it is, eligible names, ranking, selection, schedule, weights, targets, level.
Every sentence comes from a field, so that the text cannot say other than what is built.
"""

from __future__ import annotations

import os
from typing import Literal

from basket.building import Spec, default_weights, read_spec
from basket.rules import percent
from basket.source_spec import FixedList, Positions, TopByMarketCap
from basket.sources import DEFAULT_MAX_BORROW_FEE
from basket.spec import BasketSpec
from basket.weight_spec import CapWeighted, InverseVolatility, MinimumVariance, RiskParity, ScoreTilt, Target, Weights
from screens.describe import metric_in_words, rule_in_words
from screens.loading import load
from screens.spec import ScreenSpec, Universe

Sections = dict[str, list[str]]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAYS = {
    "third_friday": "the third Friday, or the session before when the exchange is shut",
    "first_session": "the first session of the month",
    "last_session": "the last session of the month",
    "mid_month": "the fifteenth, or the session before when the exchange is shut",
}
SCHEMES = {
    "equal": "equal weights",
    "liquidity_capped": "equal weights as far as each name's volume allows",
    "given": "the weights as given",
}


def rulebook(spec: str | os.PathLike[str] | Spec) -> Sections:
    """Sentences by section. Raises `ConfigError` for a file that is not a basket's or a book's."""
    chosen = read_spec(spec)
    screen = load(chosen.screen.target, ScreenSpec) if isinstance(chosen, BasketSpec) and chosen.screen else None
    source = chosen.origin()
    if screen is None and source.kind == "screen":
        screen = load(source.screen.target, ScreenSpec)
    side: Literal["short", "long"] = "short" if isinstance(chosen, BasketSpec) else "long"
    found: Sections = {f"{chosen.name}: a {chosen.kind} held {side}": [t for t in (chosen.question,) if t]}
    if screen is not None:
        found["Eligible"] = [*_universe(screen.universe), *_rules(screen)]
        found["Ranking, worst first"] = _ranking(screen)
    elif isinstance(source, TopByMarketCap):
        index = f" of {source.index} on the date" if source.index else ""
        found["Names"] = [f"the {source.count} largest companies{index} by market capitalisation"]
        if source.one_line_per_issuer:
            found["Names"].append("one share line a company, the most liquid")
        found["Names"] += _excluded(sectors=source.exclude_sectors, tickers=source.exclude_tickers)
    elif isinstance(source, FixedList):
        found["Names"] = [", ".join(source.tickers or tuple(source.given))]
    elif isinstance(source, Positions):
        found["Names"] = [f"the positions of {source.file}, held as {source.hold}"]
    found["Selection"] = _selection(chosen, screen)
    found["Schedule"] = _schedule(chosen)
    found["Weights"] = _weights(chosen)
    if chosen.targets:
        found["Targets"] = [_target(target) for target in chosen.targets]
    money = {"prorata": "goes to the others, pro rata", "cash": "waits in cash for the next rebalance"}
    found["Level"] = [
        f"{chosen.level.initial:g} at the inception; price and total return, dividends on their ex-date; shares drift",
        "a deleted name is closed at its last value, its delisting return included",
        f"the money of a deleted name {money[chosen.level.on_delete]}",
    ]
    if chosen.level.actions is not None:
        found["Level"].append(f"mergers, spin-offs and new symbols from {chosen.level.actions}")
    return {title: lines for title, lines in found.items() if lines or ": a " in title}


def _universe(rules: Universe) -> list[str]:
    lines = [f"members of {rules.index} on the date"] if rules.index else []
    if rules.stocks_only:
        lines.append("stocks only" + ("; one share line a company" if rules.one_line_per_issuer else ""))
    over = f" over {rules.dollar_volume_sessions} sessions"
    limits = (
        (rules.min_price, "a price of at least {:g} USD"),
        (rules.min_market_cap, "market capitalisation of at least {:,.0f} USD"),
        (rules.max_market_cap, "market capitalisation of at most {:,.0f} USD"),
        (rules.min_dollar_volume, "a median of {:,.0f} USD traded a session" + over),
        (rules.min_history_sessions, "at least {:g} closes known"),
        (rules.max_borrow_fee, "a borrow fee below {:.2%} a year"),
        (rules.top_by_market_cap, "the {:g} largest of those"),
    )  # fmt: skip
    lines += [text.format(value) for value, text in limits if value is not None]
    lines += [f"only {', '.join(only)}" for only in (rules.sectors, rules.industries, rules.tickers) if only]
    return lines + _excluded(
        sectors=rules.exclude_sectors,
        industries=rules.exclude_industries,
        tickers=rules.exclude_tickers,
        tags=rules.exclude_tags,
    )


def _excluded(**groups: tuple[str, ...]) -> list[str]:
    return [f"without the {what} {', '.join(names)}" for what, names in groups.items() if names]


def _rules(screen: ScreenSpec) -> list[str]:
    if screen.rules is None:
        return []
    return [f"{path}: {rule_in_words(leaf)}" for path, leaf in screen.rules.leaves()]


def _ranking(screen: ScreenSpec) -> list[str]:
    total = sum(block.weight for block in screen.blocks.values())
    lines = []
    for name, block in screen.blocks.items():
        within = "" if block.neutralise == "none" else f", ranked within the {block.neutralise}"
        metrics = ", ".join(metric_in_words(use) for use in block.metrics)
        needed = f"{block.fewest()} of {len(block.metrics)} needed"
        lines.append(f"{percent(block.weight / total)} {name}{within}: {metrics}; {needed}")
    return lines


def _selection(spec: Spec, screen: ScreenSpec | None) -> list[str]:
    rules = spec.selection
    count, enter, leave = rules.count, rules.enter_rank, rules.exit_rank
    source = spec.origin()
    if count is None and isinstance(source, TopByMarketCap):
        count, enter, leave = source.count, source.enter_rank, source.exit_rank
    elif count is None and screen is not None:
        count, enter, leave = screen.selection.count, screen.selection.enter_rank, screen.selection.exit_rank
    lines = []
    if count is not None:
        lines.append(
            f"{count} names: in at rank {enter or count} or better, held to rank {leave or count}, then filled by rank"
        )
    elif screen is not None and screen.selection.share is not None:
        own = screen.selection
        shares = [percent(value or own.share or 1.0) for value in (own.share, own.enter_share, own.exit_share)]
        lines.append(f"the worst {shares[0]} of the ranked names: in at {shares[1]} or worse, held to {shares[2]}")
    if rules.min_hold:
        lines.append(f"held for {rules.min_hold} rebalances at least")
    per_sector = rules.max_per_sector
    if per_sector is None and screen is not None:
        per_sector = screen.selection.max_per_sector
    if per_sector is not None:
        lines.append(f"at most {per_sector} names of a sector")
    as_written = isinstance(source, FixedList | Positions)
    if isinstance(spec, BasketSpec) and not as_written:
        lines.append(f"at most {rules.max_per_issuer} share line{'s'[: rules.max_per_issuer != 1]} of a company")
        lines.append("never a company that the long book holds on the date, where a run or --book names one")
    fee = rules.max_borrow_fee
    if fee is None and isinstance(spec, BasketSpec) and not as_written:
        fee = DEFAULT_MAX_BORROW_FEE
    limits = (
        (fee, "out at a borrow fee of {:.2%} a year or more"),
        (rules.min_history_sessions, "out with fewer than {:g} closes known"),
        (rules.max_short_of_float, "out at short interest of {:.0%} of the float or more"),
        (rules.max_days_to_cover, "out at {:g} days to cover or more"),
        (rules.max_return_21, "out after a rise of {:.0%} or more in 21 sessions"),
        (rules.max_squeeze_percentile, "out at a squeeze score of percentile {:g} or more"),
    )
    lines += [text.format(value) for value, text in limits if value is not None]
    tags = rules.exclude_tags if not as_written or "exclude_tags" in rules.model_fields_set else ()
    return lines + _excluded(tags=tags, companies=rules.exclude_issuers)


def _schedule(spec: Spec) -> list[str]:
    rule = spec.schedule
    if rule.frequency == "custom":
        when = f"on {', '.join(day.isoformat() for day in rule.dates)}"
    elif rule.frequency == "once":
        when = "once, at the inception"
    else:
        months = f" ({', '.join(MONTHS[m - 1] for m in rule.months)})" if rule.months else ""
        after = f", {rule.offset:+d} sessions" if rule.offset else ""
        when = f"{rule.frequency}{months} on {DAYS[rule.day]}{after}"
    lines = [f"renewed {when}", f"on what was known {rule.signal_lag} session{'s'[: rule.signal_lag != 1]} before"]
    if rule.tranches > 1:
        lines.append(f"in {rule.tranches} tranches that take turns")
    return lines


def _weights(spec: Spec) -> list[str]:
    weights = spec.weights or default_weights(spec)
    lines = [_scheme(weights)]
    for what, cap in (("name", weights.name_cap), ("sector", weights.sector_cap), ("company", weights.issuer_cap)):
        if cap is not None:
            lines.append(f"no {what} above {percent(cap)} at a rebalance")
    if weights.liquidity is not None:
        rule = weights.liquidity
        lines.append(
            f"no more than {percent(rule.participation)} of {rule.days:g} days' volume, at {rule.notional:,.0f} USD"
        )
    if weights.borrow is not None:
        share = percent(weights.borrow.share_of_available)
        lines.append(f"no more than {share} of the shares to borrow, at {weights.borrow.notional:,.0f} USD")
    if spec.turnover_cap is not None:
        lines.append(
            f"one-way turnover at most {percent(spec.turnover_cap)} of drifted weights a rebalance, deletions exempt"
        )
    return lines


def _scheme(weights: Weights) -> str:
    if isinstance(weights, CapWeighted):
        return "by market capitalisation" + ("" if weights.power == 1 else f" to the power {weights.power:g}")
    if isinstance(weights, InverseVolatility):
        return f"by one over the volatility of {weights.window} sessions, with a floor"
    if isinstance(weights, ScoreTilt):
        return f"{weights.base} weights times exp({weights.strength:g} × z of the score)"
    if isinstance(weights, MinimumVariance):
        return f"the least variance, from shrunk covariances of {weights.window} sessions"
    if isinstance(weights, RiskParity):
        return f"equal contributions to variance, from {weights.window} sessions"
    return SCHEMES[weights.scheme]


def _target(target: Target) -> str:
    centre = f"{target.target or 0.0:g}"
    if target.relative_to == "book":
        centre = "the book's" + (f" {target.target:+g}" if target.target else "")
    kept = "must hold" if target.priority is None else f"gives way when it has to, priority {target.priority}"
    return f"{target.exposure} within {target.within:g} of {centre}: {kept}"
