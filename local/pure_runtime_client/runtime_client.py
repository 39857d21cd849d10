"""Replaces `awslambdaric`'s native module on platforms where it is not built, such as macOS."""

from __future__ import annotations

import http.client
import os

API = "/2018-06-01/runtime"
DEADLINE = "Lambda-Runtime-Deadline-Ms"
_headers: dict[str, str] = {}


def initialize_client(user_agent: str) -> None:
    _headers["User-Agent"] = user_agent


def next() -> tuple[bytes, dict[str, str | int]]:
    status, headers, body = _call("GET", "/invocation/next", None, {})
    if status != http.client.OK:
        raise RuntimeError(f"Failed to get next (status {status})")
    # As in the native module, the only header with a number is returned as a number.
    return body, {**headers, DEADLINE: int(headers[DEADLINE])}


def post_invocation_result(
    invoke_id: str, result: bytes, content_type: str, _invocation_id: str | None = None
) -> None:
    path = f"/invocation/{invoke_id}/response"
    status, _, _ = _call("POST", path, result, {"Content-Type": content_type})
    if status != http.client.ACCEPTED:
        raise RuntimeError(f"Failed to post the result (status {status})")


def post_error(
    invoke_id: str, error: str, xray_fault: str, _invocation_id: str | None = None
) -> None:
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Function-XRay-Error-Cause": xray_fault,
    }
    status, _, _ = _call("POST", f"/invocation/{invoke_id}/error", error.encode(), headers)
    if status != http.client.ACCEPTED:
        raise RuntimeError(f"Failed to post the error (status {status})")


def _call(
    method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        connection.request(method, API + path, body, {**_headers, **headers})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()
