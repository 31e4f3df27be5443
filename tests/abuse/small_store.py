"""A store small enough to be imported hundreds of times: fourteen companies, four funds, seventeen months, as CSV.

Everything is drawn from one seed. Names carry what names may carry: HTML, a spreadsheet formula, a path, look-alikes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from market import calendar

HOSTILE_NAMES = (
    "<script>alert(1)</script>", "=HYPERLINK(\"http://x\",\"y\")", "../../etc/passwd", "АAPL Іnc․", "Ω & Söhne \"AG\"",
    "@SUM(A1)", "+1-1", "\u202eevil Inc.", "a'; DROP TABLE prices; --", "\x1b[2JClear Inc.", "{{ 7*7 }}", "100%s %n",
)  # fmt: skip
COMPANIES = [f"C{i:02d}" for i in range(14)]
FUNDS = ["SPY", "QQQ", "IWM", "SMH"]
SECTORS = ("Industrials", "Information Technology", "Energy")
FLOWS = {"revenue": 1.0, "gross_profit": 0.4, "operating_income": 0.08, "net_income": 0.05, "interest_expense": 0.02}
STOCKS = {
    "assets": 4.0,
    "liabilities": 2.5,
    "equity": 1.5,
    "long_term_debt": 1.2,
    "cash_and_short_term_investments": 0.3,
}

CONFIGS = {
    "pyproject.toml": "",
    "screen.yaml": "kind: screen\nname: weak\n"
    "universe: {index: idx, min_history_sessions: 60, min_price: 0.5}\n"
    "blocks:\n  leverage: {weight: 0.5, metrics: [liabilities_assets]}\n"
    "  earnings: {weight: 0.5, min_metrics: 1, metrics: [operating_margin, roa]}\n"
    "selection: {count: 5, enter_rank: 4, exit_rank: 8}\n",
    "basket.yaml": "kind: basket\nname: weak\nscreen: screen.yaml\n"
    "schedule: {frequency: quarterly, months: [1, 4, 7, 10], day: third_friday, signal_lag: 1}\n"
    "weights: {scheme: equal, name_cap: 0.3}\n",
    "book.yaml": "kind: book\nname: mine\nsource: {kind: fixed, tickers: [C00, C01, C02]}\n"
    "schedule: {frequency: quarterly, months: [1, 4, 7, 10], day: third_friday}\nweights: {scheme: equal}\n",
    "run.yaml": "kind: run\nname: small\nbook: book.yaml\nbasket: basket.yaml\n"
    "hedge: {estimator: ols, window: 60, min_sessions: 40}\n"
    "placebos: {best_quality: true, random_draws: 3}\nbootstrap: {draws: 100}\n",
}


def tables(seed: int = 5) -> dict[str, pd.DataFrame]:
    """Every table of the small store."""
    rng = np.random.default_rng(seed)
    sessions = calendar.sessions_between(pd.Timestamp("2022-08-01").date(), pd.Timestamp("2023-12-29").date())
    n, names = len(sessions), [*COMPANIES, *FUNDS]
    shared = rng.normal(0.0003, 0.01, (n, 1))
    close = 50 * np.exp(np.cumsum(shared * rng.uniform(0.7, 1.4, len(names)) + rng.normal(0, 0.01, (n, len(names))), 0))
    prices = pd.DataFrame(close.round(4), index=sessions, columns=names).rename_axis(index="date", columns="ticker")
    prices = prices.stack().rename("close").reset_index()
    prices["volume"], prices["dividend"], prices["split"] = 1e6, 0.0, 1.0
    ends = pd.date_range("2021-03-31", "2023-09-30", freq="QE")
    facts = []
    for i, ticker in enumerate(COMPANIES):
        for end in ends:
            start, filed, size = end - pd.offsets.QuarterEnd() + pd.Timedelta(days=1), end + pd.Timedelta(days=40), 1e8
            known = {"ticker": ticker, "period_end": end, "filed": filed, "form": "10-Q", "cik": 1000 + i}
            known["accession"] = f"000000{1000 + i}-{filed:%y}-{filed:%m%d}00"
            for item, share in FLOWS.items():
                value = size * share * rng.uniform(0.5, 1.5) * (1 if item == "revenue" or i % 3 else -1)
                facts.append(known | {"item": item, "period_start": start, "value": round(value)})
            for item, share in STOCKS.items():
                facts.append(known | {"item": item, "period_start": None, "value": round(size * share)})
            facts.append(known | {"item": "shares_outstanding", "period_start": None, "value": 10_000_000})
    securities = pd.DataFrame(
        {
            "ticker": names,
            "name": [*(HOSTILE_NAMES[i % len(HOSTILE_NAMES)] for i in range(len(COMPANIES))), *FUNDS],
            "cik": [*range(1000, 1000 + len(COMPANIES)), *range(2000, 2000 + len(FUNDS))],
            "sector": [*(SECTORS[i % 3] for i in range(len(COMPANIES))), *[None] * len(FUNDS)],
            "exchange": "NYSE",
            "type": [*["stock"] * len(COMPANIES), *["fund"] * len(FUNDS)],
        }
    )
    months = sessions[::21]
    return {
        "prices": prices,
        "facts": pd.DataFrame(facts),
        "securities": securities,
        "members": pd.DataFrame({"index": "idx", "ticker": COMPANIES, "start": sessions[0], "end": pd.NaT}),
        "market_cap": pd.concat(pd.DataFrame({"date": months, "ticker": t, "value": 5e9}) for t in COMPANIES),
        "rates": pd.DataFrame({"date": sessions, "name": "fed_funds", "value": 0.03}),
        "borrow": pd.DataFrame({"date": sessions[-5], "ticker": COMPANIES, "fee_annual": 0.004}),
        "short_interest": pd.DataFrame(
            {"settlement_date": sessions[60], "published_date": sessions[68], "ticker": COMPANIES, "shares_short": 1e6}
        ),
        "earnings": pd.DataFrame({"ticker": COMPANIES, "date": sessions[100], "when": "amc", "eps_actual": 1.0}),
        "factors": pd.DataFrame({"date": sessions, "name": "mkt_rf", "value": shared[:, 0].round(5)}),
        "tags": pd.DataFrame({"ticker": COMPANIES, "tag": "software", "valid_from": sessions[0], "source": "mine"}),
        "filing_text": pd.DataFrame(
            {"ticker": COMPANIES, "filed": sessions[80], "form": "10-K", "section": "1A", "words": 5000.0,
             "adoption_hits": 3.0, "infrastructure_hits": 1.0}
        ),
    }  # fmt: skip


def write_tables(directory: Path) -> dict[str, Path]:
    """Every table as a CSV file, by name."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, frame in tables().items():
        paths[name] = directory / f"{name}.csv"
        frame.to_csv(paths[name], index=False)
    return paths


def write_configs(directory: Path) -> Path:
    """A screen, a basket, a book and a run on the small store; returns the run's path."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in CONFIGS.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory / "run.yaml"
