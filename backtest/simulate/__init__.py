"""The simulator: orders executed by vectorbt on event rows, everything a short costs in between.

`simulate(account)` runs one account with all its orders; `simulate_many(account, variants)` runs thousands.
Only `simulate.vbt` imports vectorbt, and only when something is simulated.
"""

from backtest.carry import Financing, Swap
from backtest.costs import Costs
from backtest.simulate.account import Account, ShortSleeve
from backtest.simulate.desk import Desk
from backtest.simulate.run import Many, Variant, simulate, simulate_many
from backtest.simulate.simulation import LINES, Simulation
from backtest.simulate.tape import Delistings, Tape, tape

__all__ = [
    "LINES",
    "Account",
    "Costs",
    "Delistings",
    "Desk",
    "Financing",
    "Many",
    "ShortSleeve",
    "Simulation",
    "Swap",
    "Tape",
    "Variant",
    "simulate",
    "simulate_many",
    "tape",
]
