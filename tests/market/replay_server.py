"""A local stand-in for the SEC, Yahoo and the New York Fed: recorded answers, and faults on demand.

`Replay(answers)` serves `{path: Answer}`; `faults` is called with (path, number of this request, number for this path)
and names what goes wrong: `429`, `503`, `403`, `half`, `drip`, `html`, `drift`, `garbage`, `reset`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

RECORDED = Path(__file__).parent / "data" / "sec"
NAMES = {"AAPL": 320193, "NVDA": 1045810, "GOOGL": 1652044, "GOOG": 1652044, "MRVL": 1835632}
FOREIGN = 1997711


class Answer:
    def __init__(self, content: bytes, kind: str = "application/json", compress: bool = True):
        self.content, self.kind, self.compress = content, kind, compress

    @property
    def etag(self) -> str:
        return '"' + hashlib.md5(self.content).hexdigest() + '"'


class Replay:
    """Use with `with`; `.url` is the base, `.log` the requests as (path, status or fault)."""

    def __init__(self, answers, faults=None, per_request_delay=0.0):
        self.answers, self.faults, self.delay = answers, faults, per_request_delay
        self.log, self.times, self.agents, self.counts = [], [], set(), Counter()
        self.active = self.most_active = 0
        self.lock = threading.Lock()
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                with replay.lock:
                    replay.active += 1
                    replay.most_active = max(replay.most_active, replay.active)
                try:
                    replay.respond(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with replay.lock:
                        replay.active -= 1

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None  # clients that hang up, or are killed
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()

    def respond(self, handler):
        path = urlsplit(handler.path).path
        with self.lock:
            self.counts[path] += 1
            number, of_path = len(self.log), self.counts[path]
            fault = self.faults(path, number, of_path) if self.faults else None
            self.log.append((path, fault or "ok"))
            self.times.append(time.monotonic())
            self.agents.add(handler.headers.get("User-Agent", ""))
        if self.delay:
            time.sleep(self.delay)
        answer = self.answers.get(path)
        if fault in ("429", "503", "403"):
            headers = {"Retry-After": "0"} if fault == "429" else {}
            return self.send(handler, int(fault), b"<html>slow down</html>", "text/html", headers)
        if fault == "html":
            return self.send(handler, 200, b"<html>maintenance</html>", "text/html", {})
        if fault == "drift":
            return self.send(handler, 200, b'{"version": 2, "payload": []}', "application/json", {})
        if fault == "garbage":
            return self.send(handler, 200, answer.content[: len(answer.content) // 2], "application/json", {})
        if fault == "reset":
            handler.close_connection = True
            return handler.connection.close()
        if answer is None:
            return self.send(handler, 404, b"not found", "text/plain", {})
        if handler.headers.get("If-None-Match") == answer.etag:
            self.log.append((path, "304"))
            return self.send(handler, 304, b"", answer.kind, {"ETag": answer.etag})
        body, headers = answer.content, {"ETag": answer.etag}
        if answer.compress and "gzip" in handler.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
        return self.send(handler, 200, body, answer.kind, headers, fault)

    @staticmethod
    def send(handler, status, body, kind, headers, fault=None):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != 304:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if fault == "half":
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.close()
        elif fault == "drip":
            for i in range(0, len(body), max(1, len(body) // 200)):
                handler.wfile.write(body[i : i + max(1, len(body) // 200)])
                handler.wfile.flush()
                time.sleep(0.05)
        elif status != 304:
            handler.wfile.write(body)


def recorded(name: str) -> bytes:
    return gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes())


def sec_answers(tickers=("AAPL", "NVDA", "GOOGL", "GOOG", "MRVL")) -> dict[str, Answer]:
    """The SEC's part: list of companies, companyfacts and submissions (Marvell's recorded, others made of facts)."""
    lines = [[NAMES[t], f"{t} Inc.", t, "Nasdaq"] for t in tickers] + [[FOREIGN, "Logistic Properties", "LPA", "NYSE"]]
    listed = {"fields": ["cik", "name", "ticker", "exchange"], "data": lines}
    answers = {"/files/company_tickers_exchange.json": Answer(json.dumps(listed).encode())}
    for cik in {NAMES[t] for t in tickers} | {FOREIGN}:
        content = recorded(f"CIK{cik:010d}")
        answers[f"/api/xbrl/companyfacts/CIK{cik:010d}.json"] = Answer(content)
        if cik == NAMES["MRVL"]:
            submissions = recorded(f"submissions_CIK{cik:010d}")
        else:
            submissions = submissions_of(json.loads(content))
        answers[f"/submissions/CIK{cik:010d}.json"] = Answer(submissions)
    return answers


def submissions_of(document) -> bytes:
    """Submissions in the SEC's shape, with the filings that companyfacts name and no acceptance times."""
    filings = {
        row["accn"]: (row["form"], row["filed"])
        for tags in document["facts"].values()
        for tag in tags.values()
        for rows in tag["units"].values()
        for row in rows
    }
    ordered = sorted(filings.items(), key=lambda pair: pair[1][1], reverse=True)
    recent = {
        "accessionNumber": [a for a, _ in ordered],
        "filingDate": [filed for _, (_, filed) in ordered],
        "form": [form for _, (form, _) in ordered],
    }
    return json.dumps(
        {"cik": str(document["cik"]), "name": document["entityName"], "sic": "3571", "sicDescription": "Computers",
         "tickers": [], "exchanges": [], "filings": {"recent": recent, "files": []}}
    ).encode()  # fmt: skip


def chart(symbol: str, bars: pd.DataFrame, kind="EQUITY") -> Answer:
    """Yahoo's chart answer for adjusted daily bars: date, open, high, low, close, volume, adj, dividend, split."""
    stamps = [int(pd.Timestamp(d).tz_localize("America/New_York").timestamp()) + 34200 for d in bars["date"]]
    plain = lambda values: [None if v is None or np.isnan(v) else float(v) for v in values]  # noqa: E731
    events = {}
    for stamp, dividend, split in zip(stamps, bars["dividend"], bars["split"], strict=True):
        if dividend:
            events.setdefault("dividends", {})[str(stamp)] = {"amount": float(dividend), "date": stamp}
        if split != 1:
            top, bottom = (split, 1) if split > 1 else (1, round(1 / split))
            events.setdefault("splits", {})[str(stamp)] = {
                "date": stamp, "numerator": float(top), "denominator": float(bottom), "splitRatio": "",
            }  # fmt: skip
    meta = {
        "currency": "USD", "symbol": symbol, "exchangeName": "NMS", "instrumentType": kind, "firstTradeDate": stamps[0],
        "regularMarketTime": stamps[-1], "gmtoffset": -18000, "timezone": "EST", "priceHint": 2,
        "exchangeTimezoneName": "America/New_York", "dataGranularity": "1d", "range": "", "validRanges": ["1d", "max"],
        "currentTradingPeriod": {
            "regular": {"timezone": "EST", "start": stamps[-1], "end": stamps[-1] + 23400, "gmtoffset": -18000}
        },
    }  # fmt: skip
    quote = {name: plain(bars[name]) for name in ("open", "high", "low", "close", "volume")}
    result = {
        "meta": meta, "timestamp": stamps, "events": events,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": plain(bars["adj"])}]},
    }  # fmt: skip
    return Answer(json.dumps({"chart": {"result": [result], "error": None}}).encode())


def missing(symbol: str) -> Answer:
    error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
    return Answer(json.dumps({"chart": {"result": None, "error": error}}).encode())


def at_yahoo(traded: pd.DataFrame) -> pd.DataFrame:
    """What Yahoo makes of bars as traded (date, close, dividend, split, volume): everything in today's shares."""
    split, close, cash = (traded[c].to_numpy(dtype=float) for c in ("split", "close", "dividend"))
    later = np.array([split[i + 1 :].prod() for i in range(len(split))])
    adjusted, dividend = close / later, cash / later
    factor = np.ones(len(close))
    for i in range(len(close) - 1, 0, -1):
        factor[i - 1] = factor[i] * (1 - dividend[i] / adjusted[i - 1])
    return pd.DataFrame(
        {"date": traded["date"], "open": adjusted, "high": adjusted * 1.01, "low": adjusted * 0.99, "close": adjusted,
         "volume": traded["volume"] * later, "adj": adjusted * factor, "dividend": dividend, "split": split}
    )  # fmt: skip


def walk(seed: int, start="2021-01-04", n=260, split_at=None, ratio=4.0, dividend=0.5) -> pd.DataFrame:
    """Invented bars as traded, with quarterly dividends and one split."""
    rng = np.random.default_rng(seed)
    held = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    split = np.ones(n)
    if split_at is not None:
        split[split_at] = ratio
    close = np.round(held / np.cumprod(split), 2)
    cash = np.zeros(n)
    cash[40::63] = dividend
    return pd.DataFrame(
        {"date": pd.bdate_range(start, periods=n), "close": close, "dividend": cash / np.cumprod(split), "split": split,
         "volume": rng.integers(1000, 9000, n).astype(float) * 100}
    )  # fmt: skip


def yahoo_answers(bars: dict[str, pd.DataFrame]) -> dict[str, Answer]:
    """Yahoo's part for bars as traded, by Yahoo's symbol."""
    answers = {f"/v8/finance/chart/{symbol}": chart(symbol, at_yahoo(traded)) for symbol, traded in bars.items()}
    answers["/v1/test/getcrumb"] = Answer(b"crumb", "text/plain", compress=False)
    answers["/"] = Answer(b"", "text/html", compress=False)
    return answers


def fed_answers() -> dict[str, Answer]:
    def rates(kind, value):
        rate = {"effectiveDate": "2021-01-04", "type": kind, "percentRate": value}
        return Answer(json.dumps({"refRates": [rate]}).encode())

    return {
        "/api/rates/unsecured/effr/search.json": rates("EFFR", 0.09),
        "/api/rates/secured/sofr/search.json": rates("SOFR", 0.1),
    }


def tiny(cik: int, name: str, scale: float) -> bytes:
    """A small company in the SEC's shape: two years of quarters, filed 40 days after their ends."""

    def facts(tag_values, instant):
        rows = []
        for i, end in enumerate(pd.date_range("2020-03-31", "2021-12-31", freq="QE")):
            start = {} if instant else {"start": f"{(end - pd.offsets.MonthEnd(3)).date() + pd.Timedelta(days=1)}"[:10]}
            filed = (end + pd.Timedelta(days=40)).date().isoformat()
            rows.append({**start, "end": end.date().isoformat(), "val": scale * (tag_values + i),
                         "accn": f"{cik:010d}-21-{i:06d}", "form": "10-Q", "filed": filed})  # fmt: skip
        return {"units": {"USD": rows}}

    tags = {"Revenues": facts(100, False), "NetIncomeLoss": facts(10, False), "Assets": facts(900, True)}
    return json.dumps({"cik": cik, "entityName": name, "facts": {"us-gaap": tags}}).encode()


def small_answers() -> dict[str, Answer]:
    """Three small companies at the SEC and Yahoo, a fund, and rates."""
    companies = {"AAPL": 320193, "NVDA": 1045810, "KO": 21344}
    listed = {
        "fields": ["cik", "name", "ticker", "exchange"],
        "data": [[c, t, t, "NYSE"] for t, c in companies.items()],
    }
    answers = {"/files/company_tickers_exchange.json": Answer(json.dumps(listed).encode())}
    for number, (ticker, cik) in enumerate(companies.items(), 1):
        content = tiny(cik, ticker, 1e6 * number)
        answers[f"/api/xbrl/companyfacts/CIK{cik:010d}.json"] = Answer(content)
        answers[f"/submissions/CIK{cik:010d}.json"] = Answer(submissions_of(json.loads(content)))
    bars = {ticker: walk(i, n=60) for i, ticker in enumerate([*companies, "SPY"])}
    return answers | yahoo_answers(bars) | fed_answers()
