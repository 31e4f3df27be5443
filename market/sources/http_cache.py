"""Answers of a web server kept on disk, each with what the server said to recognise it by.

1. One entry is two files named by the URL: the body as it was sent (compressed stays compressed) and a small JSON note.
2. Both are written beside and renamed, the note last: an entry without a note is no entry, a killed write leaves none.
3. A body that does not match its note's length is no entry either.
"""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from market.durable import write_atomically


@dataclass(frozen=True)
class Entry:
    """What is known of a kept answer. `checked` is when the server last confirmed it (seconds since 1970)."""

    etag: str
    last_modified: str
    encoding: str
    length: int
    checked: float

    def conditions(self) -> dict[str, str]:
        """Headers that let the server answer "not modified"."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


class HttpCache:
    """A directory of answers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def entry(self, url: str) -> Entry | None:
        """What is kept of a URL, if it is whole."""
        body, note = self._paths(url)
        try:
            entry = Entry(**json.loads(note.read_text(encoding="utf-8")))
            return entry if body.stat().st_size == entry.length else None
        except (OSError, ValueError, TypeError):
            return None

    def read(self, url: str) -> bytes:
        """The decoded body of a kept answer."""
        entry = self.entry(url)
        body, _ = self._paths(url)
        content = body.read_bytes()
        return decoded(content, entry.encoding if entry else "")

    def write(self, url: str, content: bytes, encoding: str, etag: str, last_modified: str) -> None:
        """Keep an answer as it was sent."""
        body, note = self._paths(url)
        note.unlink(missing_ok=True)
        write_atomically(body, content)
        self._note(note, Entry(etag, last_modified, encoding, len(content), time.time()))

    def confirm(self, url: str) -> None:
        """The server said that the kept answer still holds."""
        entry = self.entry(url)
        if entry is not None:
            self._note(self._paths(url)[1], Entry(**{**asdict(entry), "checked": time.time()}))

    def forget(self, url: str) -> None:
        """Drop an answer that turned out to be unusable."""
        for path in self._paths(url):
            path.unlink(missing_ok=True)

    def _note(self, path: Path, entry: Entry) -> None:
        write_atomically(path, json.dumps(asdict(entry)).encode())

    def _paths(self, url: str) -> tuple[Path, Path]:
        parts = urlsplit(url)
        name = re.sub(r"[^\w.-]+", "_", f"{parts.path}_{parts.query}".strip("/_"))
        return self._directory / f"{name}.body", self._directory / f"{name}.note"


def decoded(content: bytes, encoding: str) -> bytes:
    """The body behind a `Content-Encoding`; raises `ValueError` where it is cut short or damaged."""
    try:
        if encoding == "gzip":
            return gzip.decompress(content)
        if encoding == "deflate":
            return zlib.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"damaged {encoding} body: {error}") from error
    if encoding not in ("", "identity"):
        raise ValueError(f"unknown content encoding {encoding!r}")
    return content
