"""A process that syncs and is killed on order. Started once; each line of its input is one run, made in a fork of it.

A run is JSON: `store`, `url`, and when to die: `event` (the n-th time a file is opened for writing, renamed or removed)
or `seconds`; without either it runs to its end. The answer is one line: exit status, events seen, seconds taken.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import warnings

import curl_cffi.requests
import duckdb
import filelock
import httpcore
import httpx
import pandas as pd
import pitindex
import pyarrow.parquet
import yfinance

import market.streaming
import market.writer
from market.sources.pacing import Patience
from market.sources.sec.client import Endpoints
from market.sources.sync import Servers, sync

TICKERS = ("AAPL", "NVDA", "KO")
QUICK = Patience(
    requests_per_second=1000, attempts=4, first_wait=0.01, longest_wait=0.05, read_timeout=1.0, in_flight=2
)
WRITES = ("os.rename", "os.remove")


def run(order, report):
    seen = 0

    def watch(event, args):
        nonlocal seen
        if event in WRITES or (event == "open" and isinstance(args[1], str) and ("w" in args[1] or "x" in args[1])):
            seen += 1
            if seen == order.get("event"):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    if "seconds" in order:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, order["seconds"])
    began = time.monotonic()
    servers = Servers(Endpoints(order["url"], order["url"]), order["url"], order["url"])
    found = sync(order["store"], "sp500", "2021-01-01", tickers=TICKERS, references=["SPY"], contact="desk@example.com",
                 servers=servers, patience=QUICK, now=pd.Timestamp("2022-06-01"))  # fmt: skip
    os.write(
        report, json.dumps({"events": seen, "seconds": time.monotonic() - began, "failed": found["failed"]}).encode()
    )


def main():
    warnings.simplefilter("ignore")
    imported = (curl_cffi.requests, duckdb, filelock, httpcore, httpx, pitindex, pyarrow.parquet, yfinance,
                market.streaming, market.writer)  # fmt: skip
    assert all(imported)  # once, before any fork
    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            status = 1
            try:
                run(json.loads(line), write)
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        with os.fdopen(read) as stream:
            text = stream.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status), **json.loads(text or "{}")}), flush=True)


if __name__ == "__main__":
    main()
