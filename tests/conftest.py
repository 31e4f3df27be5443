"""What every test shares: no example is judged by how long it took (the first of them may compile)."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
