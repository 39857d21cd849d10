"""Payload files and what is known of them → `payload.tar.gz`.

The archive is a pure function of its content: sorted members, ustar, no times, owners or names of
whoever made it.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

from mims.content_types import ContentType
from mims.errors import InvalidHyperparametersError
from mims.fields import NUMERIC
from mims.hyperparameters import decode_text
from mims.payload_files import PayloadFile
from mims.samples import Samples
from mims.values import is_unicode, text

GENERATOR = "mims-payload"
VERSION = "1.0.0"
SCHEMA_VERSION = "1.0"
METADATA = "metadata.json"

_DESCRIBING = ("model_class", "pipeline_name", "pipeline_version", "model_objective")


def create_payload_archive(files: Iterable[PayloadFile], metadata: Mapping[str, Any]) -> bytes:
    """Return the gzip'd tar of the payload files, and of `metadata.json` unless that is empty.

    The same files and metadata give the same bytes on the same Python and zlib.
    """
    members: Iterable[Tuple[str, bytes]] = ((file.path, file.content) for file in files)
    if metadata:
        described = json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode("utf-8")
        members = sorted([*members, (METADATA, described)])
    archive = io.BytesIO()
    # Flat files come already sorted, one by one, so that ten thousand are never held at once.
    with gzip.GzipFile("", "wb", fileobj=archive, mtime=0) as compressed, tarfile.open(
        fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT
    ) as tar:
        for path, content in members:
            member = tarfile.TarInfo(path)  # time, uid and gid 0, mode 0644
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def describe(
    files: Sequence[PayloadFile],
    samples: Samples,
    hyperparameters: Mapping[str, Any],
    warnings: Sequence[str],
) -> Dict[str, Any]:
    """Return the content of `metadata.json`.

    No location and no wall-clock time stands in it, and of the hyperparameters' values only those
    that name the model.
    """
    metadata: Dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "generator": {"name": GENERATOR, "version": VERSION},
        "content_types": wire_types(file.content_type for file in files),
        "payloads": [
            {
                "path": file.path,
                "content_type": file.content_type.media_type,
                "parameters": dict(file.content_type.parameters),
                "bytes": len(file.content),
                "sha256": file.sha256,
            }
            for file in files
        ],
        "fields": [
            {"name": field.name, "type": field.type, "source": source}
            for field, source in zip(samples.fields, samples.sources)
        ],
        "input_variables": [
            [field.name, "NUMERIC" if field.type == NUMERIC else "TEXT"] for field in samples.fields
        ],
        "sample_count": samples.count,
        "warnings": list(warnings),
    }
    for key in _DESCRIBING:
        value = decode_text(hyperparameters.get(key))
        if text(value) is None:
            continue
        if isinstance(value, str) and not is_unicode(value):
            raise InvalidHyperparametersError(
                f"The hyperparameter {key} is no valid Unicode (it holds half of a surrogate "
                "pair). Correct it in the training job."
            )
        metadata[key] = value
    return metadata


def wire_types(content_types: Iterable[ContentType]) -> List[str]:
    """Return the media types alone, as they go over the wire, each once."""
    return list(dict.fromkeys(content_type.media_type for content_type in content_types))
