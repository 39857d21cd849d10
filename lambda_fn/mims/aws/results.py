"""The result of a request, and the one form in which the function answers it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from mims.wording import bounded, count_left_out, cut

STATUSES = CREATED, UPDATED, UNCHANGED, SKIPPED = "created", "updated", "unchanged", "skipped"

# The most that Step Functions takes of a task's output, in bytes.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
ANSWER_BYTES = 262_144
# What is kept of each result if an answer with many would be too large: the first that fits.
_KEPT = (
    ("status", "reason", "model_s3_uri", "model_etag", "payload_s3_uri"),
    ("status", "model_etag", "payload_s3_uri"),
    ("status", "model_etag"),
    ("status",),
)
_MEMBER_CHARACTERS = 1000


@dataclass(frozen=True)
class Description:
    """What a result reports about a payload; stored in its metadata for later answers.

    `fields_from` has the keys `source` and `member`; `family` and `recipe` may be unknown.
    """

    content_types: Tuple[str, ...] = ()
    field_count: Optional[int] = None
    sample_count: Optional[int] = None
    fields_from: Optional[Mapping[str, Any]] = None
    family: Optional[str] = None
    recipe: Optional[str] = None
    warnings: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What a run took: bytes of the model, requests to S3, resumed connections, new rounds."""

    bytes_read: int = 0
    requests: int = 0
    resumes: int = 0
    restarts: int = 0


@dataclass(frozen=True)
class Result:
    """The result of one request; a `reason` goes with the status `skipped`."""

    status: str
    model_s3_uri: str
    reason: str = ""
    model_etag: Optional[str] = None
    model_version_id: Optional[str] = None
    payload_bucket: Optional[str] = None
    payload_key: Optional[str] = None
    payload: Description = Description()
    figures: Figures = Figures()
    warnings: Tuple[str, ...] = ()

    def as_dict(self) -> Dict[str, Any]:
        """Return the result as the function answers it: always less than 262,144 bytes."""
        payload = self.payload
        uri = f"s3://{self.payload_bucket}/{self.payload_key}" if self.payload_bucket else None
        return {
            "status": self.status,
            **({"reason": self.reason} if self.reason else {}),
            "model_s3_uri": self.model_s3_uri,
            "model_etag": self.model_etag,
            "model_version_id": self.model_version_id,
            "payload_s3_uri": uri,
            "payload_s3_bucket": self.payload_bucket,
            "payload_s3_key": self.payload_key,
            "content_types": list(payload.content_types),
            "field_count": payload.field_count,
            "sample_count": payload.sample_count,
            "fields_from": _shortened(payload.fields_from),
            "family": payload.family,
            "recipe": payload.recipe,
            **asdict(self.figures),
            "warnings": bounded([*self.warnings, *payload.warnings]),
        }


def as_dicts(results: Sequence[Result]) -> List[Dict[str, Any]]:
    """Return many results as an answer lists them, in less than 262,144 bytes altogether.

    If there are too many, warnings are left out first, then all but what is needed to find the
    payloads, then all but the statuses; in the end, only the statuses are counted. The log has
    every result in full.
    """
    listed = [result.as_dict() for result in results]
    if _fits(listed):
        return listed
    for result in listed:
        if result["warnings"]:
            result["warnings"] = [count_left_out(len(result["warnings"])) + ", in the log"]
    for kept in _KEPT:
        if _fits(listed):
            return listed
        listed = [{key: result[key] for key in kept if key in result} for result in listed]
    if _fits(listed):
        return listed
    counts = Counter(result.status for result in results)
    return [{"status": status, "count": count} for status, count in counts.items()]


def _fits(listed: List[Dict[str, Any]]) -> bool:
    """Say whether an answer has room for these, serialising no more of them than needed."""
    left = ANSWER_BYTES - len('{"results": []}')
    for result in listed:
        left -= len(json.dumps(result)) + len(", ")
        if left < 0:
            return False
    return True


def _shortened(fields_from: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    if fields_from is None:
        return None
    member = fields_from.get("member")
    return {
        "source": fields_from.get("source"),
        "member": cut(member, _MEMBER_CHARACTERS) if isinstance(member, str) else None,
    }
