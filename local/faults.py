"""What can go wrong between a client and S3: each fault is a function of one exchange.

It may pass the request on or not, and answer it or not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from local.fault_proxy import Exchange, Fault


def reset(then: Callable[[], object] = lambda: None) -> Fault:
    """Reset the connection before answering; the server never sees the request."""

    def fault(exchange: Exchange) -> None:
        then()
        exchange.reset()

    return fault


def lose_answer() -> Fault:
    """Let the server do what it is asked to, but lose its answer."""

    def fault(exchange: Exchange) -> None:
        exchange.forward().read()
        exchange.reset()

    return fault


def cut_body(after: int, then: Callable[[], object] = lambda: None) -> Fault:
    """Reset the connection after so many bytes of the body, and run `then` just before that."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.forward(), limit=after)
        then()
        exchange.reset()

    return fault


def short_body(after: int) -> Fault:
    """End the body normally after so many bytes, fewer than its Content-Length says."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.forward(), limit=after)
        exchange.close_connection = True

    return fault


def stall(after: int | None = None) -> Fault:
    """Send nothing after so many bytes of the body (None: not even the status), for ever."""

    def fault(exchange: Exchange) -> None:
        if after is not None:
            exchange.answer(exchange.forward(), limit=after)
        exchange.wait_for_client_to_leave()

    return fault


def refuse(status: int, code: str) -> Fault:
    """Answer with an error of S3's, such as 503 SlowDown; the server never sees the request."""

    def fault(exchange: Exchange) -> None:
        body = f"<Error><Code>{code}</Code><Message>{code}, says the proxy</Message></Error>"
        exchange.send(status, {"Content-Type": "application/xml"}, body.encode())

    return fault


def wrong_content_range() -> Fault:
    """Send the right bytes with a Content-Range that is off by one."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        start, stop, total = map(int, re.findall(r"\d+", answer.headers["Content-Range"]))
        answer.headers.replace_header("Content-Range", f"bytes {start + 1}-{stop + 1}/{total}")
        exchange.answer(answer)

    return fault


def ignore_range() -> Fault:
    """Answer 200 with the whole object, whatever the Range; the request's conditions are kept."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.get_whole())

    return fault
