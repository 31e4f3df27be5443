"""What a run hands back: data, from which every figure, table and page is a function.

The frames carry USD where they hold money, decimals where they hold returns or fractions, and sessions as their index
where they run through time. Nothing here computes; `pipeline` fills it and `report`, `artifacts` and notebooks read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import vectorbt as vbt

    from backtest.report.picture import Picture
    from backtest.spec import RunSpec
    from market import Market

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True)
class Result:
    """A finished run.

    nav            sessions x `book, hedged` (USD after all costs), `basket` (level, 100 at the start), `SPY, QQQ, IWM`
    alternatives   sessions x one NAV (USD) per alternative to this hedge
    hedge_ratio    sessions x `target, held`
    exposures      sessions x `long, short, gross, net` as fractions of the hedged NAV
    carry          sessions x `trading, borrow, dividends, rebate, interest`: USD of the hedged account less the book's
    attribution    one row a kind of P&L: `usd, bps_per_year`; the rows sum to `total`, hedged less book
    by_sleeve      one row a session, sleeve and kind of P&L of the hedged account: `date, sleeve, kind, usd`
    by_name        one row a sleeve and ticker: `price, dividends, borrow, rebate, trading, total`, USD over the run
    factors        the hedge's P&L by factor: `coefficient, stderr, t, annual, share`; empty without factor returns
    orders         `date, sleeve, ticker, shares, price, notional, cost`; sells and shorts negative
    weights        `date, sleeve, ticker, weight`
    constituents   the current basket, one row a name, with the reason it is there
    changes        `date, ticker, action, reason`
    stress         one row a window: `window, start, end, book, basket, hedged, short_spy_equal_beta, hold_less, note`
    effectiveness  measure x `in_sample, out_of_sample, low, high, difference_points`
    spread         `window, annual, t, n_sessions` of h * (beta * SPY - basket)
    rolling        sessions x `effectiveness_63, effectiveness_252, correlation_63, beta_63`
    overlay        sessions x `score, gate, size, squeeze, multiplier, target` of the tactical overlay; empty without
    stand_in       sessions x `book, hedged, hedged_with_levels` (USD), `basket, levels` (100); empty without
    regime         the fragility signals at the last session: `signal, value, percentile, definition`
    """

    spec: RunSpec
    name: str
    question: str
    summary: dict[str, Json]
    nav: pd.DataFrame
    alternatives: pd.DataFrame
    hedge_ratio: pd.DataFrame
    exposures: pd.DataFrame
    carry: pd.DataFrame
    attribution: pd.DataFrame
    by_sleeve: pd.DataFrame
    by_name: pd.DataFrame
    factors: pd.DataFrame
    orders: pd.DataFrame
    weights: pd.DataFrame
    constituents: pd.DataFrame
    changes: pd.DataFrame
    stress: pd.DataFrame
    effectiveness: pd.DataFrame
    spread: pd.DataFrame
    rolling: pd.DataFrame
    overlay: pd.DataFrame
    stand_in: pd.DataFrame
    regime: pd.DataFrame
    warnings: list[str]
    market: Market
    daily_portfolio: Callable[[], vbt.Portfolio] = field(repr=False)
    recall_stress: Callable[[], pd.DataFrame] = field(repr=False)

    @property
    def portfolio(self) -> vbt.Portfolio:
        """The hedged account as a full daily `vectorbt.Portfolio`; its value is the run's NAV to 1e-9."""
        return self.daily_portfolio()

    @property
    def figures(self) -> dict[str, go.Figure]:
        """The report's figures by name."""
        from backtest.report.figures import figures

        return figures(self)

    def picture(self, name: str) -> Picture:
        """One of the report's figures as a still picture, where no plotly runs: GitHub, mail, print.

        Raises `ConfigError` for a figure that this result does not have.
        """
        from backtest.report.figures import sketches
        from backtest.report.picture import picture
        from market.errors import ConfigError

        drawn = sketches(self)
        if name not in drawn:
            raise ConfigError(f"no figure named {name!r}; there are {', '.join(drawn)}")
        return picture(drawn[name])

    def __repr__(self) -> str:
        first, last = self.nav.index[0].date(), self.nav.index[-1].date()
        return f"<Result {self.name}, {first} to {last}: {self.summary['answer']}>"

    def _repr_html_(self) -> str:
        from html import escape
        from typing import cast

        import pandas as pd

        shown = {"cagr": "return a year", "volatility": "volatility", "max_drawdown": "maximum drawdown"}
        sleeves = cast(Mapping[str, Mapping[str, float]], self.summary["sleeves"])
        told = pd.DataFrame(
            {name: {label: line[key] for key, label in shown.items()} for name, line in sleeves.items()}
        )
        table = told.T.map("{:.1%}".format).to_html()
        lead = f"<b>{escape(self.name)}</b>, {self.nav.index[0].date()} to {self.nav.index[-1].date()}"
        note = f"{len(self.warnings)} warnings: <code>result.warnings</code>"
        return f"<p>{lead}</p><p>{escape(str(self.summary['answer']))}</p>{table}<p>{note}</p>"
