"""How a ticker is spelt: as the exchange and the index write it, whoever wrote it down.

1. A share class stands behind a dot: `BRK-B` (Yahoo, the SEC), `BRK/B` and `BRK B` are all `BRK.B`.
2. Tables are respelt as they come in, and so is every ticker of a config, a file of positions or a command line: what a
   user wrote in the one must be found in the other.
"""

from __future__ import annotations

import re

SHARE_CLASS = r"^([A-Z]{1,5})[-/ ]([A-Z])$"


def exchange_spelling(ticker: str) -> str:
    """A ticker, given in capitals, as the exchange writes it.

    >>> exchange_spelling("BRK-B"), exchange_spelling("ON"), exchange_spelling("^GSPC")
    ('BRK.B', 'ON', '^GSPC')
    """
    return re.sub(SHARE_CLASS, r"\1.\2", ticker)
