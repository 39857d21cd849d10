"""Samples ↔ the bodies of requests: one file for each media type, or family of them."""
