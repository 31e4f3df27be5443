"""Who does the units: this process, local processes, or a Dask cluster that is already there.

1. All are asked the same question, `run_unit(sweep, data, fingerprint, number)`, and answer with the same bytes; paths
   and numbers travel, never objects.
2. Local processes start fresh (no fork of threads), end when this process does, and are replaced should one be killed.
3. On a cluster Dask runs a lost worker's units elsewhere; a unit that kills three workers is given up.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

from backtest.sweep_unit import run_unit
from market.errors import ConfigError, DataError

DEATHS: Final = 3
"""Pools in a row that may break without finishing a unit."""
JOINING_SECONDS: Final = 30
"""For a scheduler to answer, and for its first worker."""

Done = Iterator[tuple[int, bytes]]


@dataclass(frozen=True)
class Question:
    """What every worker is asked, but for the unit's number."""

    sweep: str
    data: str
    fingerprint: str


def here(asked: Question, numbers: Sequence[int]) -> Done:
    """In this process, one after the other."""
    for number in numbers:
        yield number, run_unit(asked.sweep, asked.data, asked.fingerprint, number)


def in_processes(asked: Question, numbers: Sequence[int], workers: int) -> Done:
    """In local processes. Raises `DataError` where they keep dying."""
    left = list(numbers)
    deaths = 0
    while left:
        try:
            for number, part in _one_pool(asked, tuple(left), workers):
                left.remove(number)
                deaths = 0
                yield number, part
        except BrokenProcessPool:
            deaths += 1
            if deaths == DEATHS:
                raise DataError(
                    "the worker processes keep dying, perhaps for lack of memory; try fewer --workers with --resume"
                ) from None


def _one_pool(asked: Question, numbers: Sequence[int], workers: int) -> Done:
    spawn = get_context("spawn")
    lifeline, held = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_begin, initargs=(lifeline,))
    finished = False
    try:
        futures = {pool.submit(run_unit, asked.sweep, asked.data, asked.fingerprint, n): n for n in numbers}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
        finished = True
    finally:
        if not finished:
            held.close()  # ends the workers at once, whatever they are at
        pool.shutdown(cancel_futures=True)
        lifeline.close()
        held.close()


def _begin(lifeline: Connection) -> None:
    """A worker ends silently at Ctrl-C, and as soon as the sweep closes its end of the line, or is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def on_cluster(asked: Question, numbers: Sequence[int], address: str) -> Done:
    """On a Dask cluster. Raises `ConfigError` where `distributed` is missing or nobody answers at the address."""
    try:
        from distributed import Client, KilledWorker
        from distributed import as_completed as answered
    except ImportError:
        raise ConfigError("--dask needs the library `distributed`: pip install 'hedgebasket[dask]'") from None
    try:
        client = Client(address, timeout=JOINING_SECONDS, set_as_default=False, name="hedgebasket")
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigError(
            f"--dask: no scheduler answers at {address} ({error}); give its address, as tcp://host:8786"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=JOINING_SECONDS)
        except TimeoutError:
            raise ConfigError(
                f"--dask: the scheduler at {address} has no workers; start some with `dask worker`"
            ) from None
        futures = {
            client.submit(
                run_unit,
                asked.sweep,
                asked.data,
                asked.fingerprint,
                number,
                key=f"sweep-{asked.fingerprint[:16]}-{number}",
            ): number
            for number in numbers
        }
        for future in answered(list(futures), loop=client.loop):
            try:
                part: bytes = future.result()
            except KilledWorker as error:
                raise DataError(f"unit {futures[future]} killed every worker it was given to ({error})") from None
            yield futures.pop(future), part
            future.release()
