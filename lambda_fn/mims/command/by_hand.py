"""The lines of Python and of `curl` that send each file of a payload archive."""

from __future__ import annotations

import json
import os
import shlex
from typing import Iterator, Tuple

from mims.payload.page import Page, columns
from mims.payload.report import Report
from mims.setting_table import FLAT

_INVOCATIONS = "http://localhost:8080/invocations"


def lines_by_hand(report: Report, path: str, page: Page) -> Iterator[str]:
    """Yield lines that fit the page and can be copied as they are.

    Where the archive's path is too long for a line, its name stands there alone.
    """
    path, folder_note = _short(path, page)
    yield page.styled("To send it to an endpoint, in Python", "bold")
    yield from folder_note
    yield from _python(report, path, page)
    yield ""
    yield page.styled("To send it to a container on this machine, with curl", "bold")
    yield from folder_note
    yield from _curl(report, path)
    yield ""
    yield page.styled("Or with this command", "bold")
    yield f"  mims-payload --send {_INVOCATIONS} \\"
    yield f"    {shlex.quote(path)}"


def _short(path: str, page: Page) -> Tuple[str, Tuple[str, ...]]:
    relative = os.path.relpath(path)
    candidates = [path] if len(path) <= len(relative) else [relative, path]
    for candidate in candidates:
        widest = max(columns(shlex.quote(candidate)), columns(json.dumps(candidate)))
        if widest + len('  with tarfile.open("") as files:') <= page.width and (
            candidate.isascii() and candidate.isprintable()
        ):
            return candidate, ()
    note = "  # In the folder of the archive:"
    name = os.path.basename(path)
    if not (name.isascii() and name.isprintable() and len(name) <= page.width // 2):
        return "payload.tar.gz", ("  # In its folder, the archive being called payload.tar.gz:",)
    return name, (note,)


def _python(report: Report, path: str, page: Page) -> Iterator[str]:
    yield "  import boto3, tarfile"
    yield '  runtime = boto3.client("sagemaker-runtime")'
    yield f"  with tarfile.open({json.dumps(path)}) as files:"
    if report.layout == FLAT:
        yield f'      content_type = "{report.payloads[0].content_type.media_type}"'
        yield "      for name in files.getnames():"
    else:
        yield "      for name, content_type in ["
        for payload in report.payloads:
            name, media_type = f'"{payload.path}",', f'"{payload.content_type.media_type}"'
            entry = f"          ({name} {media_type}),"
            if columns(entry) <= page.width:
                yield entry
            else:
                yield from (f"          ({name}", f"           {media_type}),")
        yield "      ]:"
    yield "          body = files.extractfile(name).read()"
    yield "          answer = runtime.invoke_endpoint("
    yield '              EndpointName="ENDPOINT",'
    yield "              ContentType=content_type,"
    yield "              Body=body,"
    yield "          )"
    yield '          print(name, answer["Body"].read())'


def _curl(report: Report, path: str) -> Iterator[str]:
    archive = shlex.quote(path)
    if report.layout == FLAT:
        yield f"  for name in $(tar -tzf {archive}); do"
        yield f"  tar -xzOf {archive} $name |"
        yield from _post(report.payloads[0].content_type.media_type)
        yield "  done"
        return
    for payload in report.payloads:
        yield f"  tar -xzOf {archive} \\"
        yield f"    {payload.path} |"
        yield from _post(payload.content_type.media_type)


def _post(media_type: str) -> Iterator[str]:
    yield f"    curl -sS -H 'Content-Type: {media_type}' \\"
    yield f"      --data-binary @- {_INVOCATIONS}"
