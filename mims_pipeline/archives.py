"""Whether a real archive keeps what one step's contract promises the next.

Archives are read as streams, member by member; nothing is extracted, and no archive, however
broken, makes a check raise.
"""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import json
import os
import re
import struct
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple, Union

from mims_pipeline.contracts import MIMS_PAYLOAD_CONTRACT, ScriptContract, ValidationResult
from mims_pipeline.handovers import HANDOVERS, HYPERPARAMETERS, METADATA, MODEL_ARCHIVE

# The limits of the payload generator, and of an InvokeEndpoint request:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
_MAX_JSON_BYTES = 16 * 1024**2
_MAX_PAYLOAD_FILE_BYTES = 6_291_456
_MAX_MEMBERS = 1_000_000

_FIELD_KEYS = ("field_info", "tab_field_list", "cat_field_list", "full_field_list")
_CHUNK = 256 * 1024
_FLAT_NAME = re.compile(r"sample_payload(_\d{4,})?\.(json|jsonl|csv|libsvm|npy)\Z")
_UNREADABLE = (
    OSError,
    EOFError,
    tarfile.TarError,
    zlib.error,
    struct.error,
    ValueError,
    OverflowError,
    RecursionError,
    MemoryError,
)

Path = Union[str, "os.PathLike[str]"]


def validate_model_archive(
    path: Path, giver: Optional[ScriptContract] = None, receiver: Optional[ScriptContract] = None
) -> ValidationResult:
    """Check that the `model.tar.gz` at `path` holds what it is handed over for.

    Parameters
    ----------
    path
        The archive, a local file.
    giver
        The contract whose script made it, `XGBOOST_TRAIN_CONTRACT` say; by default any.
    receiver
        The contract whose script takes it; by default every one that takes the giver's, and where
        no giver is named, the payload step.

    Returns
    -------
    ValidationResult
        Errors for what a receiver needs and does not get (at the archive's root), warnings for
        files that the giver usually leaves and did not.
    """
    if giver is None and receiver is None:
        receiver = MIMS_PAYLOAD_CONTRACT
    handovers = [
        handover
        for handover in HANDOVERS
        if handover.archive == MODEL_ARCHIVE
        and (giver is None or handover.giver is giver)
        and (receiver is None or handover.receiver is receiver)
    ]
    if not handovers:
        return ValidationResult(errors=[f"These contracts hand over no {MODEL_ARCHIVE}."])
    members, text, error = _read(path, HYPERPARAMETERS)
    names = {member.name for member in members if member.sha256 or member.name.endswith("/")}
    if error:
        return ValidationResult(errors=[error])
    required = dict.fromkeys(name for handover in handovers for name in handover.required)
    errors = [
        f"{member} is missing at the archive's root."
        for member in required
        if not _holds(names, member)
    ]
    usual = {pattern for handover in handovers if giver is not None for pattern in handover.usual}
    warnings = [
        f"{pattern} is missing, which the giver usually leaves in the model."
        for pattern in sorted(usual)
        if not fnmatch.filter(names, pattern)
    ]
    if text is not None:
        errors.extend(_hyperparameters_faults(text))
    return ValidationResult(errors, warnings)


def validate_payload_archive(path: Path, layout: str = "contract") -> ValidationResult:
    """Check that the `payload.tar.gz` at `path` is what the payload step promises.

    Layout `contract`: `metadata.json` describes each payload file (its size and SHA-256 are
    compared) and nothing else is there. Layout `flat`: the files of one kind and nothing else,
    since SageMaker Inference Recommender sends every file of the archive as a request.
    """
    if layout not in ("contract", "flat"):
        raise ValueError(f"layout is {layout!r}; it must be 'contract' or 'flat'.")
    members, texts, error = _read(path, METADATA)
    if error:
        return ValidationResult(errors=[error])
    files = [member for member in members if not member.name.endswith("/")]
    counts = Counter(file.name for file in files)
    errors = [
        f"{name} stands in the archive {count} times."
        for name, count in counts.items()
        if count > 1
    ]
    for file in files:
        if not file.sha256:
            errors.append(f"{file.name} is no regular file.")
        if file.name != METADATA and file.size > _MAX_PAYLOAD_FILE_BYTES:
            errors.append(
                f"{file.name} is over {_MAX_PAYLOAD_FILE_BYTES:,} bytes, the most that a request "
                "may have."
            )
    by_name = {file.name: file for file in files}
    if layout == "contract":
        errors.extend(_contract_faults(by_name, texts))
    else:
        errors.extend(_flat_faults(by_name))
    return ValidationResult(errors)


def read_metadata(path: Path) -> Dict[str, Any]:
    """Return the content of `metadata.json` in the payload archive at `path`.

    Raises
    ------
    ValueError
        The archive cannot be read, or holds no such object (layout `flat` has none).
    """
    _, texts, error = _read(path, METADATA)
    metadata = _json_object(texts)
    if error or metadata is None:
        raise ValueError(
            error
            or f"{os.fspath(path)} holds no {METADATA}. The layout flat has none: make the payload "
            "with PAYLOAD_LAYOUT=contract (layout in a request's settings)."
        )
    return metadata


def _read(path: Path, text_name: str) -> Tuple[List[_Member], Optional[bytes], Optional[str]]:
    """Return the members, the content of the first file `text_name`, and what is wrong, if any."""
    members: List[_Member] = []
    text: Optional[bytes] = None
    try:
        with gzip.open(path) as decompressed:
            with tarfile.open(fileobj=decompressed, mode="r|") as archive:
                for header in archive:
                    if len(members) >= _MAX_MEMBERS:
                        return members, text, f"The archive has over {_MAX_MEMBERS:,} members."
                    name = _plain(header.name) + ("/" if header.isdir() else "")
                    kept = _MAX_JSON_BYTES if name == text_name and text is None else 0
                    if kept < header.size and kept:
                        return members, text, f"{name} is over {_MAX_JSON_BYTES:,} bytes."
                    content, sha256 = b"", ""
                    # Links are not followed: what they point at is not the member itself.
                    stream = archive.extractfile(header) if header.isreg() else None
                    if stream is not None:
                        content, sha256 = _digested(stream, kept)
                    if kept and sha256:
                        text = content
                    members.append(_Member(name, header.size, sha256))
                    archive.members = []  # type: ignore[attr-defined]  # keeps memory flat
            while decompressed.read(_CHUNK):
                pass  # to the end, where gzip compares its checksum
    except _UNREADABLE as error:
        return members, text, f"{os.fspath(path)} is no sound gzip'd tar: {error}."
    return members, text, None


def _digested(stream: IO[bytes], kept: int) -> Tuple[bytes, str]:
    digest, content = hashlib.sha256(), b""
    for chunk in iter(lambda: stream.read(_CHUNK), b""):
        digest.update(chunk)
        content += chunk if kept else b""
    return content, digest.hexdigest()


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _holds(names: Set[str], member: str) -> bool:
    if member.endswith("/"):
        return any(name.startswith(member) and name != member for name in names)
    return member in names


def _json_object(content: Optional[bytes]) -> Optional[Dict[str, Any]]:
    try:
        value = json.loads((content or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _hyperparameters_faults(content: bytes) -> Iterator[str]:
    hyperparameters = _json_object(content)
    if hyperparameters is None:
        yield f"{HYPERPARAMETERS} is no JSON object in UTF-8."
    elif all(hyperparameters.get(key) in (None, "", "null", "None") for key in _FIELD_KEYS):
        yield f"{HYPERPARAMETERS} names no input field: it has none of {', '.join(_FIELD_KEYS)}."


def _contract_faults(files: Mapping[str, _Member], text: Optional[bytes]) -> Iterator[str]:
    metadata = _json_object(text)
    if metadata is None:
        yield f"There is no {METADATA}, or it is no JSON object."
        return
    payloads = metadata.get("payloads")
    if not isinstance(payloads, list) or not payloads:
        yield f"{METADATA} lists no payloads."
        return
    described = set()
    for payload in payloads:
        path = payload.get("path") if isinstance(payload, dict) else None
        if not isinstance(path, str) or path not in files or path == METADATA:
            yield f"{METADATA} describes the payload file {path!r}, which is not there."
            continue
        described.add(path)
        if payload.get("bytes") != files[path].size:
            yield f"{path} has {files[path].size:,} bytes, not those that {METADATA} says."
        if payload.get("sha256") != files[path].sha256:
            yield f"{path} has another SHA-256 than {METADATA} says."
        if payload.get("content_type") not in (metadata.get("content_types") or []):
            yield f"{path} has a content type that content_types in {METADATA} does not list."
    yield from (
        f"{path} is described nowhere in {METADATA}."
        for path in files
        if path != METADATA and path not in described
    )
    if not _is_variable_list(metadata.get("input_variables")):
        yield f'{METADATA} has no input_variables: a list of [name, "NUMERIC" or "TEXT"].'


def _is_variable_list(variables: Any) -> bool:
    return (
        isinstance(variables, list)
        and bool(variables)
        and all(
            isinstance(pair, list)
            and len(pair) == 2
            and isinstance(pair[0], str)
            and pair[1] in ("NUMERIC", "TEXT")
            for pair in variables
        )
    )


def _flat_faults(files: Mapping[str, _Member]) -> Iterator[str]:
    if not files:
        yield "The archive holds no payload file."
    yield from (
        f"{name} is no payload file, and would be sent to the endpoint as a request. Make the "
        "payload with PAYLOAD_LAYOUT=flat (layout in a request's settings)."
        for name in files
        if not _FLAT_NAME.match(name)
    )
    if len({os.path.splitext(name)[1] for name in files}) > 1:
        yield "The files are of several kinds; the layout flat holds one content type."


@dataclass(frozen=True)
class _Member:
    """A member of an archive; a folder's name ends in '/', and only a regular file has a digest."""

    name: str
    size: int
    sha256: str
