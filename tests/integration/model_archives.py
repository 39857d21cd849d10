"""Model archives for these tests, and the fields in their payloads."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.archives import packed, unpacked

KIB, MIB = 1024, 1024 * 1024


def hyperparameters(*fields: str) -> bytes:
    return json.dumps({"tab_field_list": list(fields), "cat_field_list": []}).encode()


def weights(size: int, seed: int = 0) -> bytes:
    """Return bytes that cannot be compressed, the same in every run."""
    return random.Random(seed).randbytes(size)


def large_model(*fields: str, size: int = 3 * MIB, seed: int = 0) -> bytes:
    """Return an archive of about `size` bytes, with hyperparameters.json as the last member."""
    return packed(
        ("model.bin", weights(size, seed)), ("hyperparameters.json", hyperparameters(*fields))
    )


def fields_of(payload: bytes) -> list[str]:
    """Return the names of the fields in the payload's sample, in their order."""
    sample = unpacked(payload)["application_json/sample_payload.json"]
    body: dict[str, Any] = json.loads(sample)
    return list(body["instances"][0])
