"""Model archives for these tests, and what their payloads must hold."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.archives import packed, unpacked

KIB, MIB = 1024, 1024 * 1024


def hyperparameters(*fields: str) -> bytes:
    return json.dumps({"tab_field_list": list(fields), "cat_field_list": []}).encode()


def weights(size: int, seed: int = 0) -> bytes:
    """Bytes that no compression makes smaller, the same at every run."""
    return random.Random(seed).randbytes(size)


def large_model(*fields: str, size: int = 3 * MIB, seed: int = 0) -> bytes:
    """An archive of about `size` bytes whose last member are the hyperparameters."""
    return packed(
        ("model.bin", weights(size, seed)), ("hyperparameters.json", hyperparameters(*fields))
    )


def fields_of(payload: bytes) -> list[str]:
    """The names of the fields in the payload's sample, in their order."""
    sample = unpacked(payload)["application_json/sample_payload.json"]
    body: dict[str, Any] = json.loads(sample)
    return list(body["instances"][0])
