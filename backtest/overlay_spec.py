"""The tactical overlay as it may stand in a run's file: the hedge, sized by what the tape looks like.

1. `mode`: what the run's `regime` does. `gate` takes the hedge off while its gate is off, `scale` sizes it by its score
   (the regime's own `scaling`), `always` does neither and leaves the squeeze switch alone.
2. `squeeze`: cuts the hedge for a time after the basket has run away from the market.
3. Levels, hold, cool-down and lag of the gate are the regime's own; nothing here is fitted to results.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from screens.vocabulary import Ticker

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SqueezeSwitch(Strict):
    """Keeps only a share of the hedge for a time after a squeeze of the shorts."""

    rise: Annotated[float, Field(gt=0, le=10)] = 0.10
    """A squeeze is a five-session return of the basket above this ..."""
    beyond: Annotated[float, Field(ge=0, le=10)] = 0.05
    """... that is also above the market's by more than this."""
    sessions: Annotated[int, Field(ge=1, le=252)] = 10
    """Sessions the hedge stays cut after the last session of a squeeze."""
    keep: Share = 0.5
    """Share of the hedge that is kept."""
    proxy: Ticker | None = None
    """A fund or index of most-shorted names, where the data hold one: a jump in it counts as a squeeze too."""
    z: Annotated[float, Field(gt=0, le=20)] = 2.5
    """A jump is a five-session return of the proxy above so many standard deviations of its past year."""


class Overlay(Strict):
    """The walk-forward ratio times a multiplier between zero and one, decided a session or more before it is traded."""

    mode: Literal["gate", "scale", "always"] = "gate"
    off: Share = 0.0
    """Share of the hedge kept while the gate is off."""
    unscored: Share = 1.0
    """Share of the hedge kept before the regime has a score: an overlay that knows nothing changes nothing."""
    squeeze: SqueezeSwitch | None = SqueezeSwitch()
