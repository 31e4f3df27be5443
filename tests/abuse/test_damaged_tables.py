"""Five hundred damaged tables through `data import`, and what got through to the commands that read the store.

No stack trace, the right exit code, a reason for every refusal, a store that is whole after a refusal, and no partial
output directory: whatever a file holds.
"""

from __future__ import annotations

import random
import shutil

import pytest

import market
from backtest.commands.runs import backtest
from backtest.commands.screening import screen
from backtest.commands.stores import check, import_tables

BLOCKS = 4
A_BLOCK = 130  # four of them are 520 tables
SCREENED, RUN, AUDITED = 12, 38, 31  # one imported table in so many also goes through these
HEAVY = ("prices", "facts", "members", "securities", "market_cap")  # what a screen and a run read most


def contents(store) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in sorted(store.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_import_takes_or_refuses_and_readers_stand(block, small, damage, knock, times, tmp_path):
    taken = 0
    for number in range(A_BLOCK * times):
        seed = 1_000_000 * block + number
        rng = random.Random(seed)
        table = rng.choice((rng.choice(HEAVY), rng.choice(list(small.frames))))
        ending, content = damage.spoilt_table(rng, small.frames[table])
        file, store, out = tmp_path / f"bad{ending}", tmp_path / "store", tmp_path / "out"
        file.write_bytes(content)
        shutil.copytree(small.store, store)
        answer = knock(import_tables, **{table: str(file)}, replace=rng.random() < 0.7, data=str(store))
        assert answer.code in (0, 3), (seed, table, answer)
        assert answer.civil(), (seed, table, answer)
        if answer.code:
            assert str(file) in answer.err or table in answer.err, (seed, answer.err)  # says which
            assert contents(store) == contents(small.store), seed
        else:
            taken += 1
            acts = {
                SCREENED: lambda store=store: knock(screen, small.configs / "screen.yaml", data=str(store)),
                RUN: lambda store=store, out=out: knock(backtest, small.run, data=str(store), out=str(out)),
                AUDITED: lambda store=store: knock(check, data=str(store)),
            }
            for every, act in acts.items():
                if taken % every == 0:
                    answer = act()
                    assert answer.civil(), (seed, table, answer)
                    assert out.exists() == (every == RUN and answer.code == 0), (seed, table, answer)
                    shutil.rmtree(out, ignore_errors=True)
        file.unlink()
        shutil.rmtree(store)
        assert not list(tmp_path.iterdir()), seed
    assert taken > A_BLOCK * times * 0.25


@pytest.mark.parametrize(
    ("known_at", "day"),
    [
        ("2024-01-02T14:00-08:00", "2024-01-03"),  # 17:00 in New York: after the close
        ("2024-01-02T20:30:00Z", "2024-01-02"),  # 15:30 there
        ("2024-01-02T21:30:00Z", "2024-01-03"),
        ("2024-01-02T16:30", "2024-01-03"),  # without a zone it is New York's clock
        ("2024-01-02", "2024-01-02"),
    ],
)
def test_times_of_several_zones_in_one_column(known_at, day):
    """Pandas refuses a mixed column as a whole, and a time far west of New York would count a day early."""
    import pandas as pd

    from market.tables import TABLES
    from market.validation import check_rows

    row = {"ticker": "A", "item": "assets", "period_end": "2023-12-31", "value": "1"}
    raw = pd.DataFrame([{**row, "accession": "a", "known_at": known_at}, {**row, "known_at": "2024-02-01T09:00+14:00"}])
    checked = check_rows(raw.fillna(""), TABLES["facts"])
    assert str(checked.frame["known_at"].min().date()) == day


def test_names_that_are_programs_elsewhere_stay_names(small, knock, tmp_path):
    """HTML in the report is text, and a control character on the terminal is written out."""

    out = tmp_path / "out"
    answer = knock(backtest, small.run, data=str(small.store), out=str(out))
    assert answer.code == 0, answer.err
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'href="https://www.sec.gov/Archives/edgar/data/10' in page  # the filings themselves


def test_a_ticker_that_is_a_formula_never_enters_a_store(small, knock, tmp_path):
    """So that none can leave in an order file."""
    prices = tmp_path / "prices.csv"
    small.frames["prices"].replace({"C03": "=1+1", "C04": "../C04"}).to_csv(prices, index=False)
    answer = knock(import_tables, prices=str(prices), data=str(tmp_path / "store"))
    assert answer.code == 0, answer.err
    assert "'=1+1'" in answer.out
    assert not {"=1+1", "../C04"} & set(market.open(tmp_path / "store").tickers)
