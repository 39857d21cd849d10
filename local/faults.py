"""What can go wrong between a client and S3: each fault a function of one exchange.

It passes the request on, or not, and answers, or not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from local.fault_proxy import Exchange, Fault


def reset(then: Callable[[], object] = lambda: None) -> Fault:
    """The connection is reset before an answer; the server never sees the request."""

    def fault(exchange: Exchange) -> None:
        then()
        exchange.reset()

    return fault


def lose_answer() -> Fault:
    """The server does what it is asked to; its answer gets lost."""

    def fault(exchange: Exchange) -> None:
        exchange.forward().read()
        exchange.reset()

    return fault


def cut_body(after: int, then: Callable[[], object] = lambda: None) -> Fault:
    """The connection is reset after so many bytes of the body; `then` runs just before."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.forward(), limit=after)
        then()
        exchange.reset()

    return fault


def short_body(after: int) -> Fault:
    """The body ends, in good order, after so many bytes, fewer than its Content-Length says."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.forward(), limit=after)
        exchange.close_connection = True

    return fault


def stall(after: int | None = None) -> Fault:
    """Nothing more comes after so many bytes of the body (None: not even the status), for ever."""

    def fault(exchange: Exchange) -> None:
        if after is not None:
            exchange.answer(exchange.forward(), limit=after)
        exchange.wait_for_client_to_leave()

    return fault


def refuse(status: int, code: str) -> Fault:
    """An error of S3's, such as 503 SlowDown; the server never sees the request."""

    def fault(exchange: Exchange) -> None:
        body = f"<Error><Code>{code}</Code><Message>{code}, says the proxy</Message></Error>"
        exchange.send(status, {"Content-Type": "application/xml"}, body.encode())

    return fault


def wrong_content_range() -> Fault:
    """The right bytes under a Content-Range that says they lie one further on."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        start, stop, total = map(int, re.findall(r"\d+", answer.headers["Content-Range"]))
        answer.headers.replace_header("Content-Range", f"bytes {start + 1}-{stop + 1}/{total}")
        exchange.answer(answer)

    return fault


def ignore_range() -> Fault:
    """The whole object, 200, whatever Range says; the request's conditions are kept."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(exchange.get_whole())

    return fault
