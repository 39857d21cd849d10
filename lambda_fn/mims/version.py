"""Who made a payload: the generator's name and version, the one place that both stand in."""

from __future__ import annotations

GENERATOR = "mims-payload"
VERSION = "1.1.0"
