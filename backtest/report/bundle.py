"""Plotly inside the page: the installed package's own script, compressed, so that the report needs no network.

The script is 4.8 MB; compressed and in base64 it is 2 MB. The browser inflates it with `DecompressionStream`, which
every current browser has. Compression is deterministic, so that the same run writes the same bytes.
"""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib.resources import files

FASTEST_SENSIBLE_LEVEL = 6  # level 9 saves 10 kB of 2 MB and takes twice as long


def packed(text: str) -> str:
    """Text as gzip in base64, without a timestamp.

    >>> import gzip, base64
    >>> gzip.decompress(base64.b64decode(packed("carry"))).decode()
    'carry'
    """
    return base64.b64encode(gzip.compress(text.encode(), FASTEST_SENSIBLE_LEVEL, mtime=0)).decode("ascii")


@cache
def plotly_script() -> str:
    """The installed plotly's browser script, packed."""
    return packed((files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8"))
