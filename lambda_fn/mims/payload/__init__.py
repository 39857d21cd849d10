"""Samples → `payload.tar.gz`, and the other way round: packed, described, checked, reported."""
