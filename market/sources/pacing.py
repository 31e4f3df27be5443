"""How fast to ask a server, how long to try, and how to keep several requests in flight.

1. `Pace` hands out one slot a request; a pause (the server said "later") moves the next slot for every thread.
2. `completed` runs work on a few threads and yields results as they come; memory holds what is in flight.
3. A `DataError` of one item is handed back beside it; any other error ends the whole.
4. `Refusals` ends the asking where a server has stopped answering (a ban): hours of vain attempts would prolong it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from market.errors import DataError

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Patience:
    """How fast to ask and how long to try. Seconds; `requests_per_second` is a ceiling over all threads."""

    requests_per_second: float = 8.0
    attempts: int = 7
    first_wait: float = 1.0
    longest_wait: float = 60.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    deadline: float = 120.0
    in_flight: int = 4
    give_up_after: int = 6  # questions in a row without an answer, each after all its attempts

    def back_off(self, attempt: int, random: float) -> float:
        """Seconds to wait before attempt number `attempt` (from 1), with `random` in [0, 1) as jitter.

        >>> Patience(first_wait=1.0, longest_wait=60.0).back_off(3, 1.0)
        4.0
        """
        ceiling = min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)
        return ceiling * (0.25 + 0.75 * random)


class Pace:
    """Slots of one request each, `per_second` of them, shared by all threads."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self._next_slot = 0.0
        self._lock = threading.Lock()

    def wait(self, stopped: threading.Event) -> None:
        """Sleep until this thread's slot; a pause that comes meanwhile counts. Raises `DataError` once stopped."""
        with self._lock:
            slot = max(self._next_slot, time.monotonic())
            self._next_slot = slot + self._interval
        while (left := slot - time.monotonic()) > 0:
            if stopped.wait(left):
                raise DataError("stopped")

    def pause(self, seconds: float) -> None:
        """Let nobody start a request for that long."""
        with self._lock:
            self._next_slot = max(self._next_slot, time.monotonic() + seconds)


class NotAsked(DataError):
    """The server was given up before this question."""


class Refusals:
    """Questions in a row that a server gave no usable answer to; shared by all threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_a_row = 0
        self._reason = ""
        self._lock = threading.Lock()

    def demand(self) -> None:
        """Raise `NotAsked` once the limit is reached."""
        with self._lock:
            if self._in_a_row >= self._limit:
                raise NotAsked(
                    f"not asked: {self._in_a_row} questions in a row got no answer ({self._reason}); "
                    "wait a while and run the same command again, it goes on where it stopped"
                )

    def answered(self) -> None:
        """The server answered, if only to say that it has nothing."""
        with self._lock:
            self._in_a_row = 0

    def unanswered(self, reason: str) -> None:
        """All attempts at one question failed."""
        with self._lock:
            self._in_a_row, self._reason = self._in_a_row + 1, reason


def completed(
    work: Callable[[_T], _R], items: Iterable[_T], in_flight: int, stop: Callable[[], None]
) -> Iterator[tuple[_T, _R | DataError]]:
    """Results of `work` on every item, `in_flight` at a time, in the order of completion.

    `stop` is called when the consumer leaves early or an error ends the whole, to wake the threads that wait.
    """
    queue = iter(items)
    running: dict[Future[_R], _T] = {}
    with ThreadPoolExecutor(in_flight) as pool:
        try:
            while True:
                while len(running) < in_flight:
                    try:
                        item = next(queue)
                    except StopIteration:
                        break
                    running[pool.submit(work, item)] = item
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    item = running.pop(future)
                    error = future.exception()
                    yield item, error if isinstance(error, DataError) else future.result()
        finally:
            if running:
                stop()
                for future in running:
                    future.cancel()
