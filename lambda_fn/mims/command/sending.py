"""`--send`: each file of a payload archive → a server's answer."""

from __future__ import annotations

import ipaddress
import json
import re
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from mims.command import console
from mims.command.payload_files import CheckedPayload, read_payload
from mims.errors import AccessDeniedError, InvalidRequestError, shown
from mims.payload.files import METADATA
from mims.payload.members import read_members
from mims.payload.page import Page
from mims.setting_table import FLAT

ENDPOINT = "endpoint:"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html (EndpointName)
_ENDPOINT_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}\Z")
_CREDENTIALS = re.compile(r"([^/?#]*//)?[^/?#]*@")  # before an address's host
_SECONDS = 70.0  # an endpoint's own limit is 60
_ANSWER_BYTES = 4096  # that are read of an answer
_ANSWER_CHARACTERS = 300  # that are shown of it


class Answer(NamedTuple):
    """What a server answered: a status, and the beginning of the body."""

    status: int
    body: bytes

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


# Body and content type → the answer.
Post = Callable[[bytes, str], Answer]


def send(target: str, path: str, page: Page, as_json: bool) -> bool:
    """Send each payload file, print each answer, and say whether all were accepted.

    Raises
    ------
    InvalidRequestError
        The target has no known form, cannot be reached, or the archive cannot be read.
    PayloadError
        The archive is invalid; nothing is sent.
    """
    post = _post_to(target)
    accepted = True
    for name, content_type, body in _bodies(read_payload(path)):
        started = time.monotonic()
        answer = post(body, content_type)
        seconds = time.monotonic() - started
        accepted = accepted and answer.accepted
        if as_json:
            console.say(_as_json(name, content_type, answer, seconds))
        else:
            console.say("\n".join(_lines(name, content_type, answer, seconds, page)))
    return accepted


def _bodies(payload: CheckedPayload) -> Iterator[Tuple[str, str, bytes]]:
    """Yield name, content type and content of each payload file."""
    reported = payload.report.payloads
    types = {file.path: file.content_type.media_type for file in reported}
    for member in read_members(payload.archive):
        if member.name == METADATA and payload.report.layout != FLAT:
            continue
        yield (
            member.name,
            types.get(member.name, reported[0].content_type.media_type),
            (member.content),
        )


def _lines(
    name: str, content_type: str, answer: Answer, seconds: float, page: Page
) -> Iterator[str]:
    style = "good" if answer.accepted else "error"
    first, *others = page.wrap(
        page.shown(f"{answer.status}  {seconds:.3f} s  {content_type}  {name}"), "", "     "
    )
    yield page.styled(first[:3], style) + first[3:]
    yield from others
    yield from page.wrap(page.shown(_beginning(answer.body)), "     ", "     ")


def _as_json(name: str, content_type: str, answer: Answer, seconds: float) -> str:
    return json.dumps(
        {
            "path": name,
            "content_type": content_type,
            "status": answer.status,
            "seconds": round(seconds, 3),
            "answer": _beginning(answer.body),
        }
    )


def _beginning(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "backslashreplace").split())
    if not text:
        return "(an empty answer)"
    return text if len(text) <= _ANSWER_CHARACTERS else f"{text[:_ANSWER_CHARACTERS]}…"


def _post_to(target: str) -> Post:
    if target.startswith(ENDPOINT) and _ENDPOINT_NAME.match(target[len(ENDPOINT) :]):
        return _post_to_endpoint(target[len(ENDPOINT) :])
    host = _host(target)
    if host is None:
        raise InvalidRequestError(
            f"The target '{shown(target)}' must be an address, such as "
            f"http://localhost:8080/invocations, or {ENDPOINT}NAME for a SageMaker endpoint."
        )
    return _post_to_address(target, host)


def _host(target: str) -> Optional[str]:
    """Return the host of an address; `None` if the target is not one that can be sent to."""
    if _CREDENTIALS.match(target):  # also of no known form, since its error would show a password
        raise InvalidRequestError(
            "The target has a user name or a password before its host, which --send does not send. "
            "Give the address without them."
        )
    try:
        parts = urlsplit(target)
        host = parts.hostname if parts.scheme in ("http", "https") else None
        is_sendable = parts.port != 0 and f"{parts.path}{parts.query}".isascii()
    except ValueError:  # half of an IPv6 address, or a port that is not a number
        return None
    return host if is_sendable and " " not in target and target.isprintable() else None


def _post_to_address(address: str, host: str) -> Post:
    handlers = [_NoRedirect()]
    if _is_loopback(host):  # a proxy that the environment names could not reach it
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)
    else:
        opener = urllib.request.build_opener(*handlers)

    def post(body: bytes, content_type: str) -> Answer:
        request = urllib.request.Request(address, body, {"Content-Type": content_type})
        try:
            with opener.open(request, timeout=_SECONDS) as response:
                return Answer(response.status, response.read(_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(_ANSWER_BYTES))
        except (OSError, HTTPException, ValueError) as error:
            raise InvalidRequestError(
                f"'{shown(address)}' gives no answer ({_reason(error)}). Start the server, or "
                "correct the address."
            ) from None

    return post


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Take a redirection for an answer: a POST that is sent on would become a GET."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return shown(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _post_to_endpoint(name: str) -> Post:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise InvalidRequestError(
            f"Sending to '{ENDPOINT}{shown(name)}' needs boto3, which is not installed. Install "
            "it: pip install boto3."
        ) from None

    def unreachable(error: BotoCoreError) -> AccessDeniedError:
        return AccessDeniedError(
            f"The endpoint '{shown(name)}' cannot be called ({type(error).__name__}: "
            f"{shown(error)}). Set up region and credentials, as for the AWS CLI."
        )

    try:
        runtime = boto3.client("sagemaker-runtime")
    except BotoCoreError as error:
        raise unreachable(error) from None

    def post(body: bytes, content_type: str) -> Answer:
        try:
            answer = runtime.invoke_endpoint(EndpointName=name, ContentType=content_type, Body=body)
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            return Answer(status, answer["Body"].read(_ANSWER_BYTES))
        except ClientError as error:
            response: Mapping[str, Any] = error.response
            if "OriginalStatusCode" in response:  # the model's own answer
                said = str(response.get("OriginalMessage", "")).encode()
                return Answer(int(response["OriginalStatusCode"]), said)
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return Answer(status, str(error).encode())
        except BotoCoreError as error:
            raise unreachable(error) from None

    return post
