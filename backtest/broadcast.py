"""A parameter that is one number, one per name, one per session, or both.

1. A scalar holds for every session and name.
2. A vector of one per name, or of one per session, holds along the other axis.
3. A matrix is sessions x names.
4. Where there are as many names as sessions, a vector is ambiguous: give (1, n_assets) or (n_sessions, 1).
5. The result is a read-only view of (n_sessions, n_assets); nothing is copied.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from market.errors import ConfigError

Floats = npt.NDArray[np.float64]
Varying = float | npt.ArrayLike


def over(value: Varying, n_sessions: int, n_assets: int, name: str, missing: bool = False) -> Floats:
    """`value` as a read-only (n_sessions, n_assets) view.

    Raises ``ConfigError`` where the shape fits neither axis or both, or where a number is missing (unless `missing`
    is allowed: NaN then means unknown, and is an error only for whoever uses it).

    >>> over([0.1, 0.2], 3, 2, "borrow_fee").shape
    (3, 2)
    """
    array = np.asarray(value, dtype=np.float64)
    if not missing and np.isnan(array).any():
        raise ConfigError(f"{name}: {int(np.isnan(array).sum())} values are missing")
    if array.ndim == 1:
        if array.size == n_sessions == n_assets and array.size > 1:
            raise ConfigError(
                f"{name}: {array.size} values could be one per name or one per session; "
                f"give them the shape (1, {n_assets}) or ({n_sessions}, 1)"
            )
        if array.size == n_assets:
            array = array[None, :]
        elif array.size == n_sessions:
            array = array[:, None]
    if array.ndim > 2 or (array.ndim == 1 and array.size != 1):
        raise _misfit(array, n_sessions, n_assets, name)
    try:
        return np.broadcast_to(array, (n_sessions, n_assets))
    except ValueError:
        raise _misfit(array, n_sessions, n_assets, name) from None


def _misfit(array: Floats, n_sessions: int, n_assets: int, name: str) -> ConfigError:
    return ConfigError(
        f"{name}: shape {array.shape} fits neither {n_assets} names nor {n_sessions} sessions; "
        f"give a number, ({n_assets},), ({n_sessions},) or ({n_sessions}, {n_assets})"
    )
