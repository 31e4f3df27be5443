"""The SEC's list of listed companies: which ticker belongs to which filer."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from market.errors import DataError


@dataclass(frozen=True)
class Company:
    """One listed line: a ticker in the exchange's spelling (`BRK.B`), its filer, its name and exchange."""

    ticker: str
    cik: int
    name: str
    exchange: str


class _Table(msgspec.Struct):
    fields: list[str]
    data: list[list[int | str | None]]


class _Line(msgspec.Struct):
    cik_str: int | str
    ticker: str
    title: str = ""


_table = msgspec.json.Decoder(_Table)
_lines = msgspec.json.Decoder(dict[str, _Line])


def companies(content: bytes) -> list[Company]:
    """Read `company_tickers_exchange.json` or the older `company_tickers.json`; raises `DataError` on anything else."""
    try:
        if content.lstrip().startswith(b'{"fields"'):
            table = _table.decode(content)
            rows = [dict(zip(table.fields, row, strict=False)) for row in table.data]
            return [
                Company(
                    spelt(str(r["ticker"])), int(str(r["cik"])), str(r.get("name") or ""), str(r.get("exchange") or "")
                )
                for r in rows
            ]
        return [Company(spelt(r.ticker), int(r.cik_str), r.title, "") for r in _lines.decode(content).values()]
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, ValueError) as error:
        raise DataError(f"not the SEC's list of companies: {error}") from error


def spelt(ticker: str) -> str:
    """A symbol as the exchange writes it: the SEC's and Yahoo's `BRK-B` is `BRK.B`.

    >>> spelt("brk-b")
    'BRK.B'
    """
    stem, dash, last = ticker.upper().rpartition("-")
    return f"{stem}.{last}" if dash and len(last) == 1 else ticker.upper()
