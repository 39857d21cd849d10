"""What the HTTP servers of this package have in common."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """An HTTP server, a thread a connection; closing it waits for them."""

    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what is wrong here, not of clients that go away or are killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
