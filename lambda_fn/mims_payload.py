"""Door two: the SageMaker Processing job script that makes sample payloads for a model.

    python mims_payload.py [--model PATH] [--output DIR]
    python mims_payload.py --check PAYLOAD

It needs Python 3.8 or newer, the folder `mims` beside it, and nothing else. The settings are read
from the environment, as the job's `Environment` sets it. With `--check` it makes nothing: it
verifies a `payload.tar.gz` and prints what is in it, the first samples included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Optional, Sequence, Tuple

try:
    import resource
except ImportError:  # not on Windows; the figure of peak memory is left out there
    resource = None  # type: ignore[assignment]

_HERE = os.path.dirname(os.path.abspath(__file__))
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from mims import find_inputs, find_inputs_in_files, generate_from  # noqa: E402
from mims.errors import (  # noqa: E402
    AccessDeniedError,
    CorruptArchiveError,
    HyperparametersNotFoundError,
    InvalidRequestError,
    ModelNotFoundError,
    NoInputFieldsError,
    OutputError,
    PayloadError,
    StorageError,
    internal_error,
    shown,
)
from mims.inputs.hyperparameters import FILE_NAME  # noqa: E402
from mims.inputs.model_files import ModelFile  # noqa: E402
from mims.inputs.model_inputs import ModelInputs  # noqa: E402
from mims.limits import PAYLOAD_ARCHIVE_BYTES  # noqa: E402
from mims.payload.check import check_payload_archive  # noqa: E402
from mims.payload.report import describe_report  # noqa: E402
from mims.settings import GivenSettings, read_settings  # noqa: E402

# The contract's paths, which SageMaker Processing mounts.
MODEL_INPUT = "/opt/ml/processing/input/model"
PAYLOAD_OUTPUT = "/opt/ml/processing/output"
# What stands in this file becomes the job's ExitMessage:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html
FAILURE_MESSAGE = "/opt/ml/output/message"
_FAILURE_MESSAGE_LIMIT = 1024

ARCHIVE_NAME = "model.tar.gz"
PAYLOAD_NAME = "payload.tar.gz"
_CHUNK = 256 * 1024
_PROGRESS_SECONDS = 10.0


def main(
    input_paths: Mapping[str, str],
    output_paths: Mapping[str, str],
    environ_vars: Mapping[str, str],
    job_args: Optional[argparse.Namespace] = None,
) -> str:
    """Make the payload archive of a model on disk, and return its path.

    Parameters
    ----------
    input_paths
        `model_input`: a `model.tar.gz`, or a folder that holds one or a `hyperparameters.json`.
    output_paths
        `payload_sample`: the folder that `payload.tar.gz` is written to; made where missing.
    environ_vars
        The settings; the process's own environment is not looked at.
    job_args
        Nothing is read from it; it stands here for callers that pass one to every script.

    Raises
    ------
    PayloadError
        One of its classes. Nothing is left in the output folder then.
    """
    del job_args
    for paths, name in ((input_paths, "model_input"), (output_paths, "payload_sample")):
        if not paths.get(name):
            raise InvalidRequestError(f"The path of {name} is missing. Give it by that name.")
    path, figures = _run(input_paths["model_input"], output_paths["payload_sample"], environ_vars)
    print(json.dumps(figures), flush=True)
    return path


def command(arguments: Sequence[str]) -> int:
    """Run the script with the process's environment, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        options = _parse_arguments(arguments)
        if options.check is not None:
            return _check(options.check)
        main({"model_input": options.model}, {"payload_sample": options.output}, os.environ)
    except PayloadError as error:
        return _fail(type(error).__name__, str(error))
    except Exception as error:  # noqa: BLE001 - a defect, told in one line and without any value
        defect = internal_error(error)
        return _fail(type(defect).__name__, str(defect))
    return 0


def _parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        description="Make sample payloads for a trained model from its hyperparameters.json, "
        "or check those that were made.",
        epilog="Settings are read from the environment. Unknown arguments are ignored.",
        allow_abbrev=False,
    )
    parser.add_argument("--model", default=MODEL_INPUT, metavar="PATH", help="default: %(default)s")
    parser.add_argument(
        "--output", default=PAYLOAD_OUTPUT, metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--check",
        metavar="PAYLOAD",
        help="verify this payload.tar.gz and print what is in it; nothing is made",
    )
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        print(f"Warning: unknown arguments are ignored: {shown(' '.join(unknown))}")
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidRequestError(f"{message}. Call: python mims_payload.py --help")


def _check(path: str) -> int:
    """Print what is in a payload archive; 1 where it does not hold, with one line on stderr."""
    try:
        try:
            with open(path, "rb") as file:
                archive = file.read(PAYLOAD_ARCHIVE_BYTES + 1)
        except OSError as error:
            raise InvalidRequestError(
                f"'{shown(path)}' cannot be read ({error.strerror}). Name a {PAYLOAD_NAME}."
            ) from None
        print(describe_report(check_payload_archive(archive)), flush=True)
    except PayloadError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(model: str, output: str, environ_vars: Mapping[str, str]) -> Tuple[str, Dict[str, Any]]:
    started = time.monotonic()
    reading = _Reading()
    given = read_settings(environ_vars)
    inputs, notes = _find_inputs(model, given, reading)
    archive_seconds = time.monotonic() - started
    payload = generate_from(inputs, given)
    path = os.path.join(output, PAYLOAD_NAME)
    status = "updated" if os.path.exists(path) else "created"
    _write(path, payload.archive)
    warnings = [*notes, *payload.all_warnings]
    for warning in warnings:
        print(f"Warning: {warning}")
    figures = {
        "status": status,
        "payload_path": path,
        "content_types": payload.content_types,
        "field_count": payload.field_count,
        "sample_count": payload.sample_count,
        "fields_from": payload.fields_from._asdict(),
        "family": payload.family,
        "recipe": payload.recipe,
        "warnings": warnings,
        f"Payloads{status.capitalize()}": 1,
        "GenerationTime": round(time.monotonic() - started, 3),
        "ArchiveTime": round(archive_seconds, 3),
        "ArchiveBytesRead": reading.bytes,
    }
    if resource is not None:
        figures["PeakMemory"] = round(_peak_memory(), 1)
    return path, figures


def _find_inputs(
    model: str, given: GivenSettings, reading: _Reading
) -> Tuple[ModelInputs, List[str]]:
    """Return the model's inputs, and what to know of where they stood."""
    archive, folder = _look(model)
    try:
        if archive is None:
            return find_inputs_in_files(_model_files(model, folder), given), []
        return find_inputs(_FileChunks(archive, reading), given), []
    except (CorruptArchiveError, HyperparametersNotFoundError, NoInputFieldsError) as error:
        beside = os.path.dirname(model) if os.path.isfile(model) else model
        if archive is None and folder == beside:
            raise
        files = _loose_files(model, beside)
        if not files:
            raise
        path = os.path.join(beside, files[0].name)
        note = f"{error} '{shown(path)}', which lies beside the archive, was used."
        return find_inputs_in_files(files, given), [note]
    except OSError as error:
        raise _unreadable(archive or folder, error) from None


def _loose_files(model: str, folder: str) -> List[ModelFile]:
    """Return each `hyperparameters.json` that lies beside an archive in a model's folder."""
    if os.path.isfile(model):
        return []
    return [
        file for file in _model_files(model, folder) if file.name.rsplit("/", 1)[-1] == FILE_NAME
    ]


def _look(model: str) -> Tuple[Optional[str], str]:
    """Return the path of the archive that the model's path leads to, and the folder to look in."""
    if os.path.isfile(model):
        is_loose = os.path.basename(model) == FILE_NAME
        return (None, model) if is_loose else (model, os.path.dirname(model))
    archive = os.path.join(model, ARCHIVE_NAME)
    if os.path.isfile(archive):
        return archive, model
    if os.path.isdir(archive):  # SageMaker makes a folder of that name of some channels
        return _look(archive)
    return None, model


def _model_files(model: str, folder: str) -> Iterator[ModelFile]:
    """Yield the files of a folder, or a file alone, with a root `hyperparameters.json` first."""
    if os.path.isfile(folder):
        yield _model_file(os.path.dirname(folder), os.path.basename(folder))
        return
    paths = sorted(_files(folder), key=lambda path: (path != FILE_NAME, path))
    if not paths:
        raise ModelNotFoundError(
            f"There is no model at '{shown(model)}': no file, and no folder with files. Name a "
            f"{ARCHIVE_NAME}, or a folder that holds one or a {FILE_NAME}, with --model."
        )
    for path in paths:
        if path != ARCHIVE_NAME:
            yield _model_file(folder, path)


def _files(folder: str) -> Iterator[str]:
    """Yield the paths, relative to the folder and with `/`, of the regular files below it."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield os.path.relpath(path, folder).replace(os.sep, "/")


def _model_file(folder: str, name: str) -> ModelFile:
    path = os.path.join(folder, *name.split("/"))

    def head(size: int) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read(size)
        except OSError as error:
            raise _unreadable(path, error) from None

    def chunks() -> Iterator[bytes]:
        try:
            with open(path, "rb", buffering=0) as file:
                yield from iter(lambda: file.read(_CHUNK), b"")
        except OSError as error:
            raise _unreadable(path, error) from None

    try:
        status = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    return ModelFile(name, True, status.st_size, status.st_mtime_ns // 10**9, head, chunks)


def _unreadable(path: str, error: OSError) -> PayloadError:
    if isinstance(error, PermissionError):
        return AccessDeniedError(f"'{shown(path)}' may not be read. Let the job's user read it.")
    return StorageError(f"'{shown(path)}' cannot be read ({error.strerror}). Try again.")


class _Reading:
    """How many bytes of the archive were read."""

    bytes = 0


class _FileChunks:
    """A file's bytes in chunks, from the start at each iteration; prints progress."""

    def __init__(self, path: str, reading: _Reading) -> None:
        self._path = path
        self._reading = reading

    def __iter__(self) -> Iterator[bytes]:
        self._reading.bytes = 0
        started = told = time.monotonic()
        with open(self._path, "rb", buffering=0) as file:
            total = os.fstat(file.fileno()).st_size
            while True:
                chunk = file.read(_CHUNK)
                if not chunk:
                    return
                self._reading.bytes += len(chunk)
                yield chunk
                now = time.monotonic()
                if now - told >= _PROGRESS_SECONDS:
                    told = now
                    read = self._reading.bytes / 1e6
                    print(
                        f"Read {read:,.0f} of {total / 1e6:,.0f} MB "
                        f"({read / (now - started):,.1f} MB/s)",
                        flush=True,
                    )


def _write(path: str, archive: bytes) -> None:
    """Write the file whole or not at all."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(archive)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"'{shown(path)}' cannot be written ({error.strerror}). Name a folder that the job's "
            "user may write to, with --output."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def _peak_memory() -> float:
    """Return the most memory that the process held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here


def _fail(error: str, message: str) -> int:
    print(json.dumps({"status": "failed", "error": error, "PayloadsFailed": 1}), flush=True)
    print(f"{error}: {message}", file=sys.stderr, flush=True)
    if os.path.isdir(os.path.dirname(FAILURE_MESSAGE)):
        with contextlib.suppress(OSError), open(FAILURE_MESSAGE, "w", encoding="utf-8") as file:
            file.write(f"{error}: {message}"[:_FAILURE_MESSAGE_LIMIT])
    return 1


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:]))
