"""A store several times the sample's size, to see what a run needs on it; not a test, run it by hand.

1. The sample's companies are kept, and copied under suffixed tickers with CIKs of their own; funds stay single.
2. Each copy's closes and dividends carry a random walk of their own, so that no two names move alike; sectors are dealt
   out anew, or the ten copies of one weak company would fill the basket with one sector.
3. Copies belong to the same indices on the same dates: a screen ranks ten times as many members.

    python tests/scale_up.py STORE [COPIES]
    /usr/bin/time -v hedgebasket backtest configs/runs/low_quality_vs_mega_cap.yaml --data STORE --out runs/large
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd

import market
from market.store import Store, schema_of
from market.validation import canonical

NOISE_A_DAY = 0.005
UNCOPIED = ("rates", "factors", "symbols")  # no companies in them, or symbols that a copy never had


def scale_up(directory: str, copies: int, seed: int = 11) -> Store:
    """Write the store; `copies` counts the originals."""
    sample, rng = market.open("sample"), np.random.default_rng(seed)
    securities = sample.table("securities")
    funds = set(securities.loc[securities["type"] == "fund", "ticker"])

    def parts(table: str) -> Iterator[pd.DataFrame]:
        rows = sample.table(table)
        yield rows
        if table in UNCOPIED:
            return
        companies = rows[~rows["ticker"].isin(funds)].reset_index(drop=True)
        for copy in range(1, copies):
            other = companies.assign(ticker=companies["ticker"].astype(str) + f"-X{copy}")
            if "cik" in other:
                other["cik"] = other["cik"] + 10_000_000.0 * copy
            if table == "securities":
                dealt = companies[["sector", "industry"]].sample(frac=1.0, random_state=seed + copy)
                other[["sector", "industry"]] = dealt.to_numpy()
            if table == "prices":
                walk = pd.Series(rng.normal(0.0, NOISE_A_DAY, len(other))).groupby(other["ticker"]).cumsum()
                for column in ("close", "dividend", "adj_close"):
                    other[column] = other[column] * np.exp(walk)
            yield canonical(other, schema_of(table))

    store = Store.create(directory)
    with store.writer() as writer:
        for table in sample.manifest.tables:
            writer.replace_in_parts(table, parts(table), f"the sample, {copies} times")
            sys.stderr.write(f"{table}\n")
        writer.commit()
    return store


if __name__ == "__main__":
    scale_up(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)
