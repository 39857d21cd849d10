"""Samples ↔ the bodies of requests, one file a media type or family of them."""
