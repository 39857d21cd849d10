"""`scripts/run`: a model archive in, its payload out, through the function and a real S3 server."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import tarfile
import textwrap
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Sequence

from local.events import object_created
from local.lambda_function import ROOT, Answer, LocalFunction
from local.s3_server import S3Server, running_s3_server

EXAMPLE = ROOT / "tests/models/archives/xgboost/model.tar.gz"
OUT = Path("out")
PAYLOAD = OUT / "payload.tar.gz"
LOG = OUT / "function.log"
BUCKET = "models"
TIMEOUT = 900  # seconds, as in template.yaml
SHOWN = 2_000  # characters of each payload file
INDENT = "    "
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the whole way once; 0, or 1 where the function reports an error."""
    options = parse(arguments)
    for number in (*STOPPING, signal.SIGALRM):
        signal.signal(number, stop)
    sys.unraisablehook = stop_again
    try:
        with contextlib.ExitStack() as started:
            return run(options, started)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # whoever read what is printed here has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/run",
        description="Makes the sample payload of a model archive, as in AWS: the archive is "
        "uploaded to an S3 server on this machine, the upload's event sent to the function under "
        "the real Lambda runtime client, and the payload fetched from S3 into out/payload.tar.gz.",
    )
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        default=EXAMPLE,
        metavar="model.tar.gz",
        help="default: a small real XGBoost model (%(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=setting,
        metavar="NAME=VALUE",
        help="an environment variable of the function, such as CONTENT_TYPES=text/csv; repeatable",
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the S3 server running until Ctrl-C"
    )
    options = parser.parse_args(arguments)
    if not options.model.is_file():
        parser.error(f"there is no file '{options.model}'")
    return options


def setting(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{argument}' is not NAME=VALUE")
    return name, value


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End what is under way; a second signal does not disturb the end."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def stop_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Python loses what is raised while an object is finalized: a stop then comes a second time."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
    else:
        sys.__unraisablehook__(unraisable)


def run(options: argparse.Namespace, started: contextlib.ExitStack) -> int:
    settings = dict(options.set)
    model: Path = options.model
    size = model.stat().st_size
    server = started.enter_context(running_s3_server())
    print(f"S3 server      {server.name} at {server.endpoint_url}")
    if server.name == "moto":
        print("               (SeaweedFS has no package for this platform, so moto stands in)")

    s3 = server.client()
    for bucket in {BUCKET, settings.get("PAYLOAD_BUCKET") or BUCKET}:
        s3.create_bucket(Bucket=bucket)
    # As a training job of that name leaves it: <job>/output/model.tar.gz.
    job = model.resolve().parent.name if model.name == "model.tar.gz" else model.name.split(".")[0]
    key = f"{job or 'model'}/output/model.tar.gz"
    s3.upload_file(str(model), BUCKET, key)
    etag = s3.head_object(Bucket=BUCKET, Key=key)["ETag"]
    print(f"Model          {shown_path(model)}, uploaded to s3://{BUCKET}/{key}")

    OUT.mkdir(exist_ok=True)
    PAYLOAD.unlink(missing_ok=True)  # an earlier run's must not pass for this one's
    function = started.enter_context(LocalFunction({**server.environment(), **settings}))
    answer = function.invoke(object_created(BUCKET, key, size, etag), timeout=TIMEOUT)
    LOG.write_text(answer.log)
    if answer.error is not None:
        print(f"Function's log {shown_path(LOG)}", flush=True)
        print(f"\n{answer.error_type}: {answer.error_message}", file=sys.stderr)
    else:
        show(answer, size, server)
        print(f"\nFunction's log {shown_path(LOG)}")
    if options.keep:
        wait(server)
    return 0 if answer.error is None else 1


def show(answer: Answer, size: int, server: S3Server) -> None:
    """Print what came out, and fetch the payload from S3 into `./out`."""
    result: dict[str, Any] = answer.result
    print(f"Status         {result['status']}")
    if result["status"] == "skipped":
        print(f"Reason         {result['reason']}")
        return
    read = result["bytes_read"]
    share = read / size if size else 1
    print(f"Bytes read     {read:,} of {size:,} ({share:.0%})")
    print(f"Time           {answer.seconds:.2f} s, the function's cold start included")
    print(f"Content types  {', '.join(result['content_types'])}")
    print(f"In the payload {result['field_count']} fields, {result['sample_count']} sample(s)")
    print(f"Payload        {result['payload_s3_uri']}")
    body = server.client().get_object(
        Bucket=result["payload_s3_bucket"], Key=result["payload_s3_key"]
    )["Body"]
    payload = body.read()
    PAYLOAD.write_bytes(payload)
    print(f"Copy           {shown_path(PAYLOAD)} ({len(payload):,} bytes)")
    with tarfile.open(fileobj=io.BytesIO(payload)) as files:
        for member in files:
            content = files.extractfile(member)
            if content is not None and member.name != "metadata.json":
                print(f"\n{member.name} ({member.size:,} bytes)\n{shown_content(content.read())}")
    print(f"\n{report(payload)}")
    warnings = result["warnings"]
    print(f"\nWarnings       {len(warnings) or 'none'}")
    for warning in warnings:
        print(textwrap.fill(warning, 100, initial_indent="  - ", subsequent_indent=INDENT))


def shown_content(content: bytes) -> str:
    """A payload file's content as it is, cut where it is long."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f"{INDENT}(binary: {content[:60]!r} ...)"
    rest = f"\n{INDENT}... ({len(text) - SHOWN:,} more characters)" if len(text) > SHOWN else ""
    return textwrap.indent(text[:SHOWN], INDENT) + rest


def report(payload: bytes) -> str:
    """What `mims_payload.py --check` prints of the payload."""
    sys.path.insert(0, str(ROOT / "lambda_fn"))
    from mims.payload.check import check_payload_archive
    from mims.payload.report import describe_report

    return describe_report(check_payload_archive(payload))


def shown_path(path: Path) -> str:
    """A path as short as it can be typed from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def wait(server: S3Server) -> None:
    """Say how to look at what lies on the server, and wait for Ctrl-C."""
    print("\nThe S3 server goes on until Ctrl-C. From another terminal:")
    for name, value in server.environment().items():
        print(f"  export {name}={value}")
    print(f"  aws s3 ls --recursive s3://{BUCKET}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
