"""Numbers that compiled code and its callers mean the same by: outcomes, kinds of event, tolerances, rows of totals."""

from __future__ import annotations

from typing import Final

FINE: Final = 0
NEEDS_ROOM: Final = 1  # the order buffer is full
NEEDS_POSITIONS: Final = 2  # a position is no longer scale x shape: follow every name
REFUSED: Final = 3  # vectorbt did not fill an order as sized
NOT_FINITE: Final = 4  # a missing price, fee or rate was needed
RUINED: Final = 5
ENDED: Final = 6

RETARGET: Final = 1
CLOSE: Final = 2
WORK: Final = 3  # go on towards a target that a volume limit left unreached
KEEP: Final = 4  # hold, subject to a margin call
FUNDED: Final = 0

CONVERGED: Final = 1e-15  # of NAV
DUST: Final = 1e-11  # of a position: not worth an order
CRUMB: Final = 2e-12  # shares: vectorbt takes 1e-12 for nothing
TURNS: Final = 64
SHORTFALL: Final = 1e-9  # of the requirement: less is rounding of a cut that met it, not a call

# Rows of the totals, by sleeve.
GAIN: Final = 0
TRADING: Final = 1
DIVIDENDS: Final = 2
BORROW: Final = 3
REBATE: Final = 4
TRADED: Final = 5
INTEREST: Final = 6  # of the account, in the first column
MARGIN: Final = 7
N_TOTALS: Final = 8
