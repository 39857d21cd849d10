"""Model archives for these tests, and what their payloads must hold."""

from __future__ import annotations

import io
import json
import random
import tarfile
from typing import Any

KIB, MIB = 1024, 1024 * 1024


def hyperparameters(*fields: str) -> bytes:
    return json.dumps({"tab_field_list": list(fields), "cat_field_list": []}).encode()


def model_archive(*members: tuple[str, bytes]) -> bytes:
    """A gzip'd tar of the members, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def weights(size: int, seed: int = 0) -> bytes:
    """Bytes that no compression makes smaller, the same at every run."""
    return random.Random(seed).randbytes(size)


def large_model(*fields: str, size: int = 3 * MIB, seed: int = 0) -> bytes:
    """An archive of about `size` bytes whose last member are the hyperparameters."""
    return model_archive(
        ("model.bin", weights(size, seed)), ("hyperparameters.json", hyperparameters(*fields))
    )


def payload_files(payload: bytes) -> dict[str, bytes]:
    """The files of a payload archive, by name."""
    with tarfile.open(fileobj=io.BytesIO(payload), mode="r:gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read() for name, file in files.items() if file is not None}


def fields_of(payload: bytes) -> list[str]:
    """The names of the fields in the payload's sample, in their order."""
    sample = payload_files(payload)["application_json/sample_payload.json"]
    body: dict[str, Any] = json.loads(sample)
    return list(body["instances"][0])
