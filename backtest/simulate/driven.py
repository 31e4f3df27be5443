"""What the driver is handed, as types: each tuple is described where it is read, in `vbt.run_account`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backtest.broadcast import Floats
from backtest.simulate.tape import Flags, Whole

Market = tuple[Floats, Floats, Floats, npt.NDArray[np.uint8]]
Sleeves = tuple[Floats, Whole, Whole, Whole, Whole, Floats, Whole, Whole, Floats]
Rows = tuple[Whole, Floats, Floats, Floats, Floats]
Series = tuple[Floats, Floats, Floats]
Policy = tuple[Floats, Flags, Floats]
Terms = tuple[Floats, Floats, Floats, Flags, Flags]
Costs = tuple[Floats, Floats, Floats]
Limits = tuple[Floats, Floats, int, bool]
Margin = tuple[Floats, Floats, Floats, Floats, bool]

Arguments = tuple[Market, Sleeves, Rows, Series, Policy, Flags, Terms, Costs, Limits, Margin]
"""Everything of one account but its size and what it is to fill in, in the driver's order."""
