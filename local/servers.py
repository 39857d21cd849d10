"""The common base of this package's HTTP servers."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """An HTTP server with a thread for each connection; closing it waits for the threads."""

    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors of the server, but not clients that leave or are killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
