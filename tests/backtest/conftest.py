"""A plausible finished run, made of seeded random numbers, for the report, the artifacts and the command line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

import market
from backtest import evidence
from backtest.legs import Legs, build_legs
from backtest.spec import RunSpec
from screens.loading import load

FLAGSHIP = Path(__file__).resolve().parents[2] / "configs" / "runs" / "low_quality_vs_mega_cap.yaml"
SESSIONS_PER_YEAR = 252
SECTORS = ("Industrials", "Information Technology", "Consumer Discretionary", "Materials", "Energy", "Health Care")
WINDOWS = (
    ("COVID", "2020-02-19", "2020-03-23", False, "the crash of March 2020"),
    ("Meme squeeze", "2021-01-22", "2021-01-29", True, "shorts rise while the market falls"),
    ("2022 bear", "2022-01-03", "2022-10-12", False, "unprofitable names led down"),
    ("Yen carry", "2024-07-16", "2024-08-05", False, "de-grossing"),
    ("DeepSeek", "2025-01-24", "2025-01-27", False, "AI hardware sold"),
    ("Tariffs", "2025-04-02", "2025-04-08", False, "gap down, then the largest one-day rise since 2008"),
    ("Junk rally", "2025-04-08", "2025-10-28", True, "the most shorted names doubled"),
)
ALTERNATIVES = {
    "short SPY, equal beta": 0.55,
    "short SPY, minimum variance": 0.62,
    "short QQQ, equal beta": 0.58,
    "short QQQ, minimum variance": 0.66,
    "short IWM, equal beta": 0.50,
    "short IWM, minimum variance": 0.48,
    "hold less": 0.0,
    "placebo: best quality": 0.57,
}


class SyntheticSpec(BaseModel):
    kind: str = "run"
    name: str = "low_quality_vs_mega_cap"
    initial_nav: float = 100.0e6
    hedge: dict[str, int | float | str] = {"estimator": "ols", "window": 252, "band": 0.05}
    placebos: dict[str, int] = {"random_draws": 200, "seed": 7}


def sleeve_figures(nav: pd.Series, market: pd.Series) -> dict[str, float]:
    returns = nav.pct_change().dropna()
    spy = market.pct_change().dropna()
    worst = returns.nsmallest(max(1, len(returns) // 20))
    return {
        "cagr": float((nav.iloc[-1] / nav.iloc[0]) ** (SESSIONS_PER_YEAR / len(returns)) - 1),
        "volatility": float(returns.std() * SESSIONS_PER_YEAR**0.5),
        "sharpe": float(returns.mean() / returns.std() * SESSIONS_PER_YEAR**0.5),
        "max_drawdown": float((nav / nav.cummax() - 1).min()),
        "cvar_95": float(worst.mean()),
        "beta_to_market": float(returns.cov(spy) / spy.var()),
    }


def synthetic_frames(seed: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    sessions = pd.bdate_range("2019-06-28", "2026-05-29")
    n = len(sessions)
    spy = rng.standard_t(4, n) * 0.0075 + 0.0005
    spy[0] = 0
    book = 1.05 * spy + rng.normal(0.0003, 0.006, n)
    basket = 1.35 * spy + rng.normal(-0.0001, 0.009, n)
    held = pd.Series(0.72 + 0.08 * np.sin(np.arange(n) / 180), index=sessions).round(2)
    hedged = book - held.to_numpy() * basket - 0.00002
    frame = pd.DataFrame({"book": book, "hedged": hedged, "basket": basket, "SPY": spy}, index=sessions)
    frame["QQQ"] = 1.15 * spy + rng.normal(0.0001, 0.005, n)
    frame["IWM"] = 1.1 * spy + rng.normal(-0.0001, 0.006, n)
    frame.iloc[0] = 0.0
    scale = pd.Series({"book": 1e8, "hedged": 1e8, "basket": 100, "SPY": 100, "QQQ": 100, "IWM": 100})
    nav = (1 + frame).cumprod() * scale
    alternatives = pd.DataFrame(
        {name: 1e8 * np.cumprod(1 + frame["book"] - ratio * frame["SPY"]) for name, ratio in ALTERNATIVES.items()}
    )
    alternatives["hold less"] = 1e8 * np.cumprod(1 + 0.55 * frame["book"])
    middle = alternatives["placebo: best quality"] * np.exp(np.linspace(0, 0.05, n))
    for name, tilt in (("p5", -0.3), ("p50", 0.0), ("p95", 0.3)):
        alternatives[f"placebo: random {name}"] = middle * np.exp(np.linspace(0, tilt, n))
    ratio = pd.DataFrame({"target": held + rng.normal(0, 0.01, n), "held": held})
    exposures = pd.DataFrame({"long": 1 + rng.normal(0, 0.01, n), "short": -held}, index=sessions)
    exposures["gross"] = exposures["long"] - exposures["short"]
    exposures["net"] = exposures["long"] + exposures["short"]
    daily = {"trading": -900.0, "borrow": -1_400.0, "dividends": -2_900.0, "rebate": 5_600.0, "interest": 150.0}
    carry = pd.DataFrame({k: v + rng.normal(0, 50, n) for k, v in daily.items()}, index=sessions)
    rolling = pd.DataFrame(index=sessions)
    for name, level in (("effectiveness_63", 0.5), ("effectiveness_252", 0.52)):
        rolling[name] = level + 0.2 * np.sin(np.arange(n) / 90)
    rolling["correlation_63"] = 0.75 + 0.1 * np.sin(np.arange(n) / 70)
    rolling["beta_63"] = 0.7
    rolling.iloc[:63] = np.nan
    return {
        "nav": nav,
        "alternatives": alternatives,
        "hedge_ratio": ratio,
        "exposures": exposures,
        "carry": carry,
        "rolling": rolling,
    }


def synthetic_attribution(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    nav, carry = frames["nav"], frames["carry"].sum()
    total = (nav["hedged"] - nav["book"]).iloc[-1]
    usd = pd.Series({"long": 0.0, "short": total - carry.sum(), **carry, "margin": 0.0, "total": total})
    years = len(nav) / SESSIONS_PER_YEAR
    return pd.DataFrame({"usd": usd, "bps_per_year": usd / nav["hedged"].mean() / years * 1e4})


def synthetic_evidence(nav: pd.DataFrame) -> dict[str, object]:
    """The sections of `backtest.evidence`: what returns alone give is computed, the rest is planted."""
    returns = nav[["book", "basket", "hedged"]].pct_change().dropna().assign(market=nav["SPY"].pct_change())
    rng = np.random.default_rng(3)
    days = {
        name: {
            "mean": rng.normal(0, 0.003),
            "t": rng.normal(),
            "beyond_market": 0.001,
            "hit_rate": 0.6,
            "n_sessions": 87,
        }
        for name in ("book", "basket", "hedged", "hedge", "spread")
    }
    line = {"coefficient": -0.4, "stderr": 0.05, "t": -8.0, "annual": -0.03, "share": 0.12}
    factors = {
        name: dict(line) for name in ("market", "size", "value", "profitability", "momentum", "ai", "unexplained")
    }
    squeeze = {
        "start": "2020-03-18", "end": "2020-04-17", "basket": 0.28, "book": 0.19, "hedged": -0.02, "hedge": -0.15,
        "margin_used": 0.49, "worst_hedge": -0.24, "worst_hedge_start": "2025-04-21", "worst_hedge_end": "2025-05-20",
    }  # fmt: skip
    states = (
        "trend: up",
        "trend: down",
        "volatility: calm",
        "volatility: stormy",
        "drawdown: shallow",
        "drawdown: deep",
    )
    state = {"book": 0.2, "hedged": 0.1, "hedge": -0.1, "effectiveness": 0.4, "n_sessions": 500.0}
    tilt = {name: {"basket": 0.2, "book": 0.03 * i, "difference": 0.2 - 0.03 * i} for i, name in enumerate(SECTORS)}
    return {
        "marginal": evidence.marginal(returns),
        "worst_ai_days": {"fund": "SMH", **days},
        "best_ai_days": {"fund": "SMH", **days},
        "factor_attribution": {
            "start": "2019-07-01", "end": "2026-01-30", "n_sessions": 1640, "lag": 7, "r_squared": 0.88,
            "factors": factors | {"total": {"annual": -0.21, "share": 1.0}},
        },
        "worth": {
            "cost_annual": 0.12, "carry_annual": -0.006, "drawdown_saved": 0.08, "per_drawdown": 1.5,
            "carry_per_drawdown": -0.08, "stress": 0.9, "calm": -1.7, "stress_sessions": 259.0,
            "payoff_over_premium": 0.53, "stress_windows": ["COVID", "2022 bear"],
            "slippage": {"annual": -0.01, "deviation": 0.04}, "states": {name: dict(state) for name in states},
        },
        "capture": evidence.captured(returns),
        "squeeze": {f"sessions_{k}": dict(squeeze) for k in (1, 5, 21)} | {"peak_margin_used": 0.74},
        "gap": {
            "ticker": "N03", "name": "Synthetic Company 03", "session": "2024-05-30", "rise": 0.33, "weight": -0.025,
            "loss_bps": 82.4,
        },
        "sector_tilt": {"session": "2026-04-17", "sectors": tilt},
        "missing_debt": {"universe": 0.31, "basket": 0.02, "basket_most": 0.08, "basket_last": 0.0},
        "variants_tried": 1,
    }  # fmt: skip


def synthetic_constituents(rng: np.random.Generator, names: list[str]) -> pd.DataFrame:
    rows = []
    for i, name in enumerate(names):
        rows.append(
            {
                "ticker": f"N{i:02d}",
                "name": name,
                "sector": SECTORS[i % len(SECTORS)],
                "industry": "Electronic Components",
                "weight": 1 / len(names),
                "rank": i + 1,
                "score": 0.95 - i * 0.005,
                "leverage": rng.uniform(0.5, 1),
                "profitability": rng.uniform(0.5, 1),
                "ai": rng.uniform(0.4, 1),
                "borrow_fee": 0.003 if i % 7 else 0.021,
                "adv_share": rng.uniform(0.001, 0.05),
                "days_to_trade": rng.uniform(0.05, 0.6),
                "entered": pd.Timestamp("2025-10-17") if i % 3 else pd.Timestamp("2024-01-19"),
                "reason": "net debt/operating income in the worst tenth of its sector; fcf/assets -4.2 %",
                "flags": "hard to borrow" if i % 7 == 0 else "",
            }
        )
    return pd.DataFrame(rows)


def build_synthetic(seed: int = 11, names: list[str] | None = None, question: str = "") -> SimpleNamespace:
    """The fields of `backtest.result.Result`; a namespace, so that tests may replace any of them."""
    rng = np.random.default_rng(seed)
    frames = synthetic_frames(seed)
    nav = frames["nav"]
    names = names or [f"Synthetic Company {i:02d}" for i in range(40)]
    stress = pd.DataFrame(
        [
            {
                "window": w,
                "start": pd.Timestamp(a),
                "end": pd.Timestamp(b),
                **{c: nav[c].asof(b) / nav[c].asof(a) - 1 for c in ("book", "basket", "hedged")},
                "short_spy_equal_beta": -0.03,
                "hold_less": -0.06,
                "note": note,
                "must_lose": must,
            }
            for w, a, b, must, note in WINDOWS
        ]
    )
    effectiveness = pd.DataFrame(
        {
            "in_sample": [0.58, 0.55, 0.41, 0.35],
            "out_of_sample": [0.52, 0.49, 0.37, 0.28],
            "low": [0.44, 0.40, 0.25, -0.05],
            "high": [0.60, 0.57, 0.47, 0.49],
            "difference_points": [0.013, 0.007, 0.0121, 0.094],
        },
        index=pd.Index(["variance", "semivariance", "cvar_95", "max_drawdown"], name="measure"),
    )
    windows = ["full", "2019–2021", "2022", "2023–2024", "2025–"]
    spread = pd.DataFrame(
        {
            "benchmark": ["SPY"] * 5 + ["QQQ"] * 5,
            "window": windows * 2,
            "annual": [0.006, 0.031, 0.055, -0.012, -0.081, 0.011, 0.022, 0.013, 0.004, -0.066],
            "t": [0.2, 0.8, 1.1, -0.4, -1.6, 0.4, 0.6, 0.3, 0.1, -1.3],
            "n_sessions": [1740, 630, 251, 502, 357] * 2,
        }
    )
    attribution = synthetic_attribution(frames)
    market_line = nav["SPY"]
    summary = {
        "name": "low_quality_vs_mega_cap",
        "question": question or "Does a low-quality, AI-exposed short basket hedge a mega-cap book?",
        "answer": "Out of sample the hedge removed 52 % of the book's variance (95 % interval 44 % to 60 %), "
        "but it paid 0.6 % a year (t 0.2) beyond an equal-beta SPY short: no evidence that the basket itself earns.",
        "as_of": "2026-05-29",
        "span": {"start": "2019-06-28", "end": "2026-05-29", "sessions": len(nav), "years": 6.9},
        "rebalances": 28,
        "sleeves": {s: sleeve_figures(nav[s], market_line) for s in ("book", "basket", "hedged")},
        "hedge_effectiveness": effectiveness.to_dict("index"),
        "costs_bps_per_year": {
            "trading": 22.1,
            "borrow": 31.5,
            "dividends": 74.2,
            "rebate": -142.0,
            "interest": -3.1,
            "total": -17.3,
        },
        "attribution": attribution["usd"].to_dict(),
        "attribution_bps_per_year": attribution["bps_per_year"].to_dict(),
        "ledger": {"max_identity_error": 3.1e-16, "max_vectorbt_error": 8.4e-13},
        "benchmarks": {
            name: sleeve_figures(frames["alternatives"][name], market_line)
            for name in ALTERNATIVES
            if not name.startswith("placebo")
        },
        "placebos": {
            "best_quality": sleeve_figures(frames["alternatives"]["placebo: best quality"], market_line),
            "random": {
                "draws": 200,
                "cagr": {"p5": -0.02, "p50": 0.03, "p95": 0.08},
                "max_drawdown": {"p5": -0.31, "p50": -0.22, "p95": -0.15},
            },
        },
        "spread_over_index": {
            b: {r.window: {"annual": r.annual, "t": r.t, "n_sessions": r.n_sessions} for r in g.itertuples()}
            for b, g in spread.groupby("benchmark")
        },
        **synthetic_evidence(nav),
        "coverage": {
            "members": {"start": 0.86, "end": 0.98},
            "metrics": {"liabilities_assets": 0.97, "net_debt_operating_income": 0.71, "ai_beta": 0.99},
        },
        "hindsight": {"members_of_the_date": 0.181, "members_of_today": 0.265, "difference": 0.084},
        "turnover": {"basket": 1.32, "book": 0.21},
        "names": 40,
        "warnings": [
            "Survivorship: 12 % of the dated members have no prices; most of the missing failed or were bought.",
            "Fact values are as last filed, not as first filed.",
        ],
    }
    changes = pd.DataFrame(
        {
            "date": pd.to_datetime(["2026-04-17"] * 4 + ["2026-01-16"] * 2),
            "ticker": ["N01", "N02", "XAA", "XBB", "N05", "XCC"],
            "action": ["enter", "enter", "exit", "exit", "enter", "exit"],
            "reason": ["rank 12", "rank 30", "rank 71, beyond 60", "left the index", "rank 3", "AI gate failed"],
        }
    )
    regime = pd.DataFrame(
        {
            "signal": ["breadth_200", "concentration_top10", "dispersion_21", "credit"],
            "value": [0.54, 0.39, 0.018, np.nan],
            "percentile": [0.35, 0.97, 0.66, np.nan],
            "definition": ["members above SMA200", "weight of the ten largest", "21-session mean", "HY OAS"],
        }
    )
    weights = synthetic_constituents(rng, names)[["ticker", "weight"]].assign(
        date=pd.Timestamp("2026-04-17"), sleeve="basket"
    )
    orders = pd.DataFrame(
        {
            "date": [pd.Timestamp("2026-04-17")] * 2,
            "sleeve": ["book", "basket"],
            "ticker": ["B00", "N01"],
            "shares": [10.0, -25.0],
            "price": [100.0, 40.0],
            "notional": [1000.0, -1000.0],
            "cost": [0.1, 0.2],
        }
    )
    return SimpleNamespace(
        spec=SyntheticSpec(),
        name="low_quality_vs_mega_cap",
        question=summary["question"],
        summary=summary,
        **frames,
        attribution=attribution,
        by_sleeve=pd.DataFrame({"date": [pd.Timestamp("2026-04-17")], "sleeve": "basket", "kind": "price", "usd": 1.0}),
        by_name=pd.DataFrame({"sleeve": ["basket"], "ticker": ["N01"], "price": [1.0], "total": [1.0]}),
        factors=pd.DataFrame(columns=["coefficient", "stderr", "t", "annual", "share"]),
        orders=orders,
        weights=weights[["date", "sleeve", "ticker", "weight"]],
        constituents=synthetic_constituents(rng, names),
        changes=changes,
        stress=stress,
        effectiveness=effectiveness,
        spread=spread,
        regime=regime,
        warnings=summary["warnings"],
        market=SimpleNamespace(name="sample", root=None, fingerprint="3f9ac0d2" * 8, notes=list),
    )


@pytest.fixture(scope="session")
def flagship_legs() -> Legs:
    """Book and basket of the shipped run on the sample, built once for all tests that only read them."""
    return build_legs(load(FLAGSHIP, RunSpec), market.open("sample"))


@pytest.fixture(scope="session")
def synthetic_result() -> SimpleNamespace:
    return build_synthetic()


@pytest.fixture(scope="session")
def make_result() -> object:
    """`build_synthetic` itself, for tests that plant names, questions or gaps."""
    return build_synthetic
