"""The generator's name and version, which every payload records."""

from __future__ import annotations

GENERATOR = "mims-payload"
VERSION = "1.1.0"
