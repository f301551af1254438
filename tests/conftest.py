"""Settings that hold for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# In CI the same examples every time; at a desk new ones each run. No deadline: a first call translates and is slow.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("desk", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
