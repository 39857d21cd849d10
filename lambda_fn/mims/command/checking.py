"""`--check`: a payload archive → a report, as text or JSON."""

from __future__ import annotations

import json

from mims.command import console
from mims.command.by_hand import lines_by_hand
from mims.command.payload_files import read_payload
from mims.errors import PayloadError
from mims.payload.page import Page
from mims.payload.report import describe_report, report_as_json


def check(path: str, page: Page) -> None:
    """Print what is in a payload archive, and the lines that send its files.

    Raises
    ------
    PayloadError
        It is invalid; nothing is printed.
    """
    report = read_payload(path).report
    console.say(describe_report(report, page))
    console.say("\n".join(["", *lines_by_hand(report, path, page)]))


def check_as_json(path: str) -> None:
    """Print the same as JSON; where it is invalid, what is wrong too, before that is raised."""
    try:
        report = report_as_json(read_payload(path).report)
    except PayloadError as error:
        console.say(
            json.dumps({"valid": False, "error": type(error).__name__, "message": str(error)})
        )
        raise
    console.say(json.dumps(report, indent=2))
