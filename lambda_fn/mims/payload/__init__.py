"""Samples ↔ `payload.tar.gz`: packs, describes, checks and reports a payload."""
