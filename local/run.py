"""`scripts/run`: makes a model's payload with the function and a real S3 server."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tarfile
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Sequence

from mims.command import console
from mims.command.model_folder import files_of_folder
from mims.command.models import ARCHIVE_NAME, locate
from mims.command.progress import Reading
from mims.command.writing import check_writable, write_whole
from mims.errors import PayloadError
from mims.inputs.hyperparameters import FILE_NAME
from mims.limits import Limits
from mims.payload.check import check_payload_archive
from mims.payload.report import describe_report
from mims.wording import counted, cut

from local.events import object_created
from local.waiting import waiting_for

if TYPE_CHECKING:
    from local.lambda_function import Answer
    from local.s3_server import S3Server

EXAMPLE = Path(__file__).resolve().parent.parent / "tests/models/archives/xgboost/model.tar.gz"
PAYLOAD_NAME, LOG_NAME = "payload.tar.gz", "function.log"
BUCKET = "models"
TIMEOUT = 900  # seconds, as in template.yaml
# As in the documented deployment: the content type that the model's own server reads.
SETTINGS = {"RECIPE": "auto"}
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the whole way once; return 0, or 1 if the function reports an error."""
    for number in (*STOPPING, signal.SIGALRM):
        signal.signal(number, stop)
    sys.unraisablehook = stop_again
    console.prepare_streams()
    try:
        options = parse(arguments)
        with contextlib.ExitStack() as started:
            return run(options, started)
    except KeyboardInterrupt:
        print("\nStopped." if sys.stderr.isatty() else "Stopped.", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of the output has closed it
        console.discard_output()
        return 1
    except PayloadError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run",
        description="Makes the sample payload of a model, as in AWS: its archive is uploaded to an "
        "S3 server on this machine, the upload's event is sent to the function under the real "
        "Lambda runtime client, and the payload is fetched from S3.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        default=EXAMPLE,
        metavar="MODEL",
        help=f"a {ARCHIVE_NAME}, a folder with one or with a model's files, or a {FILE_NAME}; "
        "default: a small real XGBoost model",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="an environment variable of the function, such as CONTENT_TYPES=text/csv; repeatable; "
        "RECIPE is auto unless it is set",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("out"),
        metavar="DIR",
        help=f"the folder for {PAYLOAD_NAME} and {LOG_NAME} (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the S3 server running until Ctrl-C"
    )
    return parser.parse_args(arguments)


def setting(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{argument}' is not NAME=VALUE")
    return name, value


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Stop; a second signal does not disturb the clean-up."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def stop_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Stop again if Python lost the exception, as it does while an object is finalized."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
    else:
        sys.__unraisablehook__(unraisable)


def run(options: argparse.Namespace, started: contextlib.ExitStack) -> int:
    # Imported here, since the SDK takes a while to import: a signal must be handled meanwhile.
    from local.lambda_function import LocalFunction
    from local.s3_server import running_s3_server

    settings = {**SETTINGS, **dict(options.set)}
    model: Path = options.model
    archive = model_archive(model, started)
    size = archive.stat().st_size
    check_writable(str(options.output))
    with waiting_for("Starting the S3 server"):
        server = started.enter_context(running_s3_server())
    tell("S3 server", f"{server.name} at {server.endpoint_url}")
    if server.name == "moto":
        tell("", "(SeaweedFS has no package for this platform, so moto is used instead)")

    s3 = server.client()
    for bucket in {BUCKET, settings.get("PAYLOAD_BUCKET") or BUCKET}:
        s3.create_bucket(Bucket=bucket)
    key = f"{job_name(model)}/output/{ARCHIVE_NAME}"
    with waiting_for("Uploading the model"):
        s3.upload_file(str(archive), BUCKET, key)
    etag = s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    tell("Model", f"{shown_path(model)}, uploaded to s3://{BUCKET}/{key}")
    tell("Settings", ", ".join(cut(f"{name}={value}", 60) for name, value in settings.items()))

    options.output.mkdir(parents=True, exist_ok=True)
    log: Path = options.output / LOG_NAME
    # The payload of an earlier run must not be mistaken for this run's.
    (options.output / PAYLOAD_NAME).unlink(missing_ok=True)
    function = started.enter_context(LocalFunction({**server.environment(), **settings}))
    with waiting_for("The function is running"):
        answer = function.invoke(object_created(BUCKET, key, size, etag), timeout=TIMEOUT)
    log.write_text(answer.log)
    if answer.error is None:
        show(answer, size, server, options.output)
        console.say("")
    tell("Function's log", shown_path(log))
    if answer.error is not None:
        print(f"{answer.error_type}: {answer.error_message}", file=sys.stderr)
    if options.keep:
        wait(server)
    return 0 if answer.error is None else 1


def tell(name: str, value: str) -> None:
    """Print a name and its value, in as many lines as it takes."""
    page = console.page_of(sys.stdout)
    console.say("\n".join(page.wrap(page.shown(value), f"{name:14} ", " " * 15)))


def model_archive(model: Path, started: contextlib.ExitStack) -> Path:
    """Return the model's archive; if the model is not packed, one that is made from it."""
    found, is_folder = locate(str(model))
    path = Path(found)
    if not is_folder and path.name != FILE_NAME:
        return path
    folder = started.enter_context(tempfile.TemporaryDirectory(prefix="model-"))
    archive = Path(folder, ARCHIVE_NAME)
    with waiting_for("Packing the model"), tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        if not is_folder:
            tar.add(path.resolve(), path.name)
            return archive
        for file in files_of_folder(str(path), Limits().members, Reading()):
            tar.add(path / file.name, file.name, recursive=False)
    return archive


def job_name(model: Path) -> str:
    """Return a name for the model's training job, whose archive is `<job>/output/model.tar.gz`."""
    path = model.resolve()
    name = path.parent.name if path.name == ARCHIVE_NAME else path.name.split(".")[0]
    return name or "model"


def show(answer: Answer, size: int, server: S3Server, output: Path) -> None:
    """Print the result, and fetch the payload from S3."""
    result: dict[str, Any] = answer.result
    tell("Status", result["status"])
    if result["status"] == "skipped":
        tell("Reason", result["reason"])
        return
    read = result["bytes_read"]
    share = read / size if size else 1
    tell("Bytes read", f"{read:,} of {size:,} ({share:.0%})")
    tell("Time", f"{answer.seconds:.2f} s, the function's cold start included")
    tell("Payload", result["payload_s3_uri"])
    body = server.client().get_object(
        Bucket=result["payload_s3_bucket"], Key=result["payload_s3_key"]
    )["Body"]
    payload = body.read()
    path = write_whole(str(output), PAYLOAD_NAME, payload)
    tell("Copy", f"{shown_path(Path(path))} ({counted(len(payload), 'byte')})")
    report = replace(check_payload_archive(payload), warnings=tuple(result["warnings"]))
    console.say("\n" + describe_report(report, console.page_of(sys.stdout)))


def shown_path(path: Path) -> str:
    """Return the shortest form of the path for the current folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def wait(server: S3Server) -> None:
    """Say how to look at what is on the server, and wait for Ctrl-C."""
    console.say("\nThe S3 server runs until Ctrl-C. From another terminal:")
    for name, value in server.environment().items():
        console.say(f"  export {name}={value}")
    console.say(f"  aws s3 ls --recursive s3://{BUCKET}")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
