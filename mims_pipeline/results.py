"""A result of the payload function → what a registration takes from it.

A result is the answer to a request (an S3 event's answer has several, under `results`). If it lacks
something, or cannot be registered, a `ValueError` says what to do.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Tuple

_REMEDY = (
    "Have the function make one with PAYLOAD_LAYOUT=flat (layout: flat in a request's settings), "
    "one content type, and a payload_s3_uri of its own: flat_payload_request gives that request."
)


def flat_payload(result: Mapping[str, Any], layout: str) -> Tuple[str, str]:
    """Return the location and the media type of a payload that a load test can send.

    Raises
    ------
    ValueError
        Its layout is not `flat`, or cannot be `flat`, since it has several content types.
    """
    if layout != "flat":
        raise ValueError(
            f"PAYLOAD_LAYOUT is {layout!r} (layout); a load test sends every file of the archive "
            f"to the endpoint, metadata.json too, so the payload must be flat. {_REMEDY}"
        )
    bucket, key = payload_location(result)
    types = result.get("content_types")
    if isinstance(types, str) or not isinstance(types, Sequence) or not types:
        raise ValueError("The result has no content_types: it is not that of a payload.")
    # The media type alone: a registration and a server's decoder compare it literally.
    media_types = list(dict.fromkeys(str(one).split(";")[0].strip().lower() for one in types))
    if len(media_types) > 1:
        raise ValueError(
            f"The result's payload has {len(media_types)} content types "
            f"({', '.join(media_types)}), which a flat one never has. {_REMEDY}"
        )
    return f"s3://{bucket}/{key}", media_types[0]


def payload_location(result: Mapping[str, Any]) -> Tuple[str, str]:
    """Return the bucket and the key of a result's payload."""
    if result.get("status") == "skipped":
        raise ValueError(
            f"The result is of a run that was skipped ({result.get('reason')}): there is no "
            "payload to register."
        )
    uri = result.get("payload_s3_uri")
    if not isinstance(uri, str) or not uri.startswith("s3://") or not uri.endswith(".tar.gz"):
        raise ValueError(
            f"payload_s3_uri is {uri!r}; a result of the payload function has the S3 URI of a "
            ".tar.gz there. An S3 event's answer has its results under 'results': pass one of them."
        )
    bucket, _, key = uri[len("s3://") :].partition("/")
    return bucket, key


def model_uri(result: Mapping[str, Any]) -> str:
    """Return the location of a result's model; it ends in `/` if the model is not compressed."""
    uri = result.get("model_s3_uri")
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        raise ValueError(f"model_s3_uri is {uri!r}; a result of the payload function has one.")
    return uri
