"""An HTTP server that answers no request until it has received all of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from tradecapture.api.submission.bodies import AcceptedBody
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.trades.lifecycle import ExpectedOutcome

ANSWER = msgspec.json.encode(AcceptedBody(ExpectedOutcome.ACCEPTED, "T", "J", "P", "", ""))


class _Server(ThreadingHTTPServer):
    request_queue_size = 1000  # connections that wait to be accepted


@contextmanager
def withholding_server(requests: int, seconds: float) -> Iterator[str]:
    """Run a server that accepts trades without storing them; yield its base URL.

    Args:
        requests: number of submissions that it receives before it answers any with 202.
        seconds: how long it waits for them; afterwards it answers each with 503.
    """
    barrier = threading.Barrier(requests)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                barrier.wait(seconds)
            except threading.BrokenBarrierError:
                self._answer(503)
            else:
                self._answer(202)

        def do_GET(self) -> None:
            self._answer(404)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_words: object) -> None:
            """Log nothing."""

    server = _Server((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
