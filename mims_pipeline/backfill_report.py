"""Counts the results in the completion report of a backfill's job, and the reasons for failures.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List

MANIFEST = "manifest.json"
# Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage; AWS's page shows
# ErrorCode and HTTPStatusCode in either order.
_COLUMNS = 7
_QUOTED = re.compile(r"'[^']*'")
_CLASS = re.compile(r"[A-Za-z_.]+\Z")


class ReportError(Exception):
    """The report cannot be read; the message says what is wrong and what to do."""


@dataclass
class Summary:
    """The results in a report: result → number of objects, with the key of one as an example."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: Dict[str, str] = field(default_factory=dict)

    def lines(self) -> List[str]:
        """Return the lines of the summary, the most frequent result first."""
        if not self.counts:
            return ["The report names no object."]
        total = sum(self.counts.values())
        width, digits = max(map(len, self.counts)), len(f"{total:,}")
        rows = [
            f"{number:>{digits},}  {result:<{width}}  {self.examples[result]}"
            for result, number in self.counts.most_common()
        ]
        return [*rows, f"{total:>{digits},}  in all"]


def summarize(files: Iterable[str]) -> Summary:
    """Count the objects in a report's CSV files, given by their contents.

    Raises
    ------
    ReportError
        A line is not one of a completion report.
    """
    summary = Summary()
    for text in files:
        for row in csv.reader(io.StringIO(text)):
            if row:
                result = _result(row)
                summary.counts[result] += 1
                summary.examples.setdefault(result, f"s3://{row[0].strip()}/{row[1].strip()}")
    return summary


def read_local(path: Path) -> Iterator[str]:
    """Yield the content of each CSV file of a downloaded report: one file, or all in a folder.

    Raises
    ------
    ReportError
        There is no such file, or it cannot be read.
    """
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise ReportError(
            f"There is no CSV file in {path}. Download the report's results/ folder too."
        )
    for file in files:
        try:
            yield file.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ReportError(f"{file} cannot be read: {error}") from error


def read_s3(client: Any, uri: str) -> Iterator[str]:
    """Yield the content of each CSV file that the manifest of a report in S3 names.

    Parameters
    ----------
    client
        boto3's S3 client.
    uri
        The job's folder, `s3://bucket/mims-payload-backfill/job-<id>/`, or the manifest in it.

    Raises
    ------
    ReportError
        The report is not there, or cannot be read.
    """
    bucket, _, key = uri[len("s3://") :].partition("/")
    if not key.endswith(MANIFEST):
        key = f"{key.rstrip('/')}/{MANIFEST}"
    manifest = _object(client, bucket, key)
    try:
        results = [(part["Bucket"], part["Key"]) for part in json.loads(manifest)["Results"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"s3://{bucket}/{key} is not the manifest of a report.") from error
    for result_bucket, result_key in results:
        yield _object(client, result_bucket, result_key)


def _object(client: Any, bucket: str, key: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        raise ReportError(
            f"s3://{bucket}/{key} cannot be read: {error}. A job writes its report when it ends; "
            "the report's folder is called job-<id>."
        ) from error
    return body.decode("utf-8")


def _result(row: List[str]) -> str:
    """Return the result for one object, without what is specific to the object."""
    if len(row) < _COLUMNS:
        raise ReportError(
            f"A line of the report has {len(row)} columns, not {_COLUMNS}: it is not from a "
            "completion report of S3 Batch Operations."
        )
    status, message = row[3].strip(), row[-1].strip()
    if status == "succeeded":
        return _succeeded(message)
    code = next((text for text in map(str.strip, row[4:6]) if text and not text.isdigit()), "")
    reason = _class(message) or _QUOTED.sub("'…'", message.partition(": ")[0])[:80]
    return ": ".join(text for text in (status, code, reason) if text)


def _succeeded(message: str) -> str:
    try:
        result = json.loads(message)
    except ValueError:
        result = None
    if isinstance(result, dict) and isinstance(result.get("status"), str):
        return str(result["status"])
    if message.startswith("no payload: "):
        return f"no payload: {_class(message[len('no payload: ') :])}"
    if message.startswith("skipped: "):
        return _QUOTED.sub("'…'", message)
    return f"succeeded: {message[:80]}"


def _class(message: str) -> str:
    name = message.partition(": ")[0]
    return name if _CLASS.match(name) else ""
