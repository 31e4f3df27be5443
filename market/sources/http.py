"""A patient reader of web servers: paced, retrying, remembering.

1. Requests go out no faster than a set rate, from as many threads as the caller likes.
2. A kept answer younger than `max_age` is used as it is; an older one is asked for conditionally (ETag, Last-Modified).
3. The whole answer must arrive within a deadline (a slow drip never ends by itself), be as long as announced, decode,
   be of the expected kind, and, for JSON, be whole; otherwise it counts as a failed attempt.
4. 429 and 503 with `Retry-After` pause every thread for that long; other failures (5xx, 403 bans, time-outs, cut
   bodies) wait with exponential back-off and jitter.
5. 404 is an answer: `None`. After the last attempt a `DataError` says what was seen; after several such questions in a
   row nothing more is asked.
"""

from __future__ import annotations

import email.utils
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec

from market.errors import DataError
from market.sources.http_cache import HttpCache, decoded
from market.sources.pacing import Pace, Patience, Refusals, completed

RETRIED = frozenset({403, 408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT_SECONDS = 600.0
_whole_json = msgspec.json.Decoder(msgspec.Raw)
_T = TypeVar("_T")
_R = TypeVar("_R")


class _Failed(Exception):
    """One attempt failed; `wait` is what the server asked for, if it did."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Reader:
    """A paced client with a cache; safe to use from several threads, closed by `with`."""

    def __init__(self, headers: dict[str, str], cache: HttpCache, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._cache = cache
        self._pace = Pace(self.patience.requests_per_second)
        self._refusals = Refusals(self.patience.give_up_after)
        self._stopped = threading.Event()
        timeout = httpx.Timeout(self.patience.read_timeout, connect=self.patience.connect_timeout)
        self._client = httpx.Client(headers=headers, timeout=timeout, follow_redirects=True)
        self.requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._client.close()

    def get(self, url: str, kinds: tuple[str, ...] = (), max_age: float = 0.0) -> bytes | None:
        """The decoded body of a URL, from the cache where the server confirms it; None where there is none (404).

        `kinds` are accepted content types, by part; with `json` among them the body must be whole JSON. `max_age` is
        how many seconds a kept answer is used unasked. Raises `DataError` after the last attempt.
        """
        entry = self._cache.entry(url)
        if entry is not None and time.time() - entry.checked < max_age:
            kept = self._kept(url)
            if kept is not None:
                return kept
        self._refusals.demand()
        reasons: list[str] = []
        for attempt in range(self.patience.attempts):
            if attempt:
                self._back_off(attempt)
            try:
                answer = self._attempt(url, kinds)
                self._refusals.answered()
                return answer
            except _Failed as failure:
                reasons.append(str(failure))
                if failure.wait is not None:
                    self._pace.pause(failure.wait)
        seen = "; ".join(dict.fromkeys(reasons))
        self._refusals.unanswered(seen)
        raise DataError(f"{url}: no usable answer after {self.patience.attempts} attempts ({seen})")

    def map(self, work: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[tuple[_T, _R | DataError]]:
        """Run `work` on every item, several in flight, in the order of completion; a `DataError` is handed back.

        See `market.sources.pacing.completed`.
        """
        return completed(work, items, max(2, self.patience.in_flight), self.stop)

    def stop(self) -> None:
        """Wake and end every thread that waits here."""
        self._stopped.set()

    def _kept(self, url: str) -> bytes | None:
        try:
            return self._cache.read(url)
        except (OSError, ValueError):
            self._cache.forget(url)
            return None

    def _attempt(self, url: str, kinds: tuple[str, ...]) -> bytes | None:
        entry = self._cache.entry(url)
        self._pace.wait(self._stopped)
        self.requests += 1
        started = time.monotonic()
        try:
            with self._client.stream("GET", url, headers=entry.conditions() if entry else {}) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED and entry is not None:
                    self._cache.confirm(url)
                    kept = self._kept(url)
                    if kept is None:
                        raise _Failed("the kept copy was damaged")
                    return kept
                if answer.status_code == httpx.codes.NOT_FOUND:
                    return None
                if answer.status_code in RETRIED:
                    raise _Failed(_status(answer), _retry_after(answer))
                if answer.status_code != httpx.codes.OK:
                    raise DataError(f"{url}: {_status(answer)}")
                kind = answer.headers.get("content-type", "")
                if kinds and kind and not any(name in kind for name in kinds):
                    raise _Failed(f"answered with {kind.split(';')[0]} instead of {' or '.join(kinds)}")
                body = bytearray()
                for chunk in answer.iter_raw():
                    body += chunk
                    if time.monotonic() - started > self.patience.deadline:
                        raise _Failed(f"slower than {self.patience.deadline:g} seconds")
                    if self._stopped.is_set():
                        raise DataError("stopped")
                headers = answer.headers
        except httpx.TransportError as error:
            raise _Failed(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error
        encoding = headers.get("content-encoding", "").strip().lower()
        try:
            content = decoded(bytes(body), encoding)
            if "json" in kinds:
                _whole_json.decode(content)
        except ValueError as error:  # msgspec's DecodeError is one
            raise _Failed(str(error)) from error
        self._cache.write(url, bytes(body), encoding, headers.get("etag", ""), headers.get("last-modified", ""))
        return content

    def _back_off(self, attempt: int) -> None:
        seconds = self.patience.back_off(attempt, random.random())  # jitter: nothing is computed from it
        if self._stopped.wait(seconds):
            raise DataError("stopped")


def _status(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.reason_phrase}".strip()


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        return min(float(text), LONGEST_WAIT_SECONDS)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(moment.timestamp() - time.time(), 0.0), LONGEST_WAIT_SECONDS)
