"""The audit: a vulnerability ends it with 1, a service out of reach is said plainly."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support import ROOT
from tradecapture.local.servers.ports import LOOPBACK

pytest.importorskip("pip_audit", reason="`pip install 'tradecapture[check]'` brings it")

NOWHERE = "http://127.0.0.1:1/v1/query"
FLAW = {
    "id": "TEST-1",
    "summary": "Made up.",
    "affected": [
        {
            "package": {"name": "kombu", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Service:
    """A vulnerability service that answers as OSV does."""

    def __init__(self, answer: Callable[[str], tuple[int, Any]]) -> None:
        """Prepare to answer; `answer` gets the name of a package."""
        self.asked: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            """Answers a query."""

            def do_POST(self) -> None:
                """Answer for one package."""
                query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append(query["package"]["name"])
                status, body = answer(query["package"]["name"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *words: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self.server.server_port}/v1/query"


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str], tuple[int, Any]]], Service]]:
    """Start services; none outlives its test."""
    started: list[Service] = []

    def start(answer: Callable[[str], tuple[int, Any]]) -> Service:
        service = Service(answer)
        threading.Thread(target=service.server.serve_forever, daemon=True).start()
        started.append(service)
        return service

    yield start
    for service in started:
        service.server.shutdown()
        service.server.server_close()


def test_sound_packages_pass(serve: Callable[..., Service]) -> None:
    """All that the fleet runs on are asked about, and none that only tests need."""
    service = serve(lambda _name: (200, {}))
    code, told = _audit(service.url)
    assert code == 0, told
    assert f"{len(service.asked)} packages audited, 0 vulnerable" in told
    assert {"celery", "kombu", "redis", "hiredis", "vine", "psycopg-binary"} <= set(service.asked)
    assert not {"pytest", "hypothesis", "ruff", "tradecapture"} & set(service.asked)


def test_a_known_vulnerability_fails(serve: Callable[..., Service]) -> None:
    """It is named, with the version that mends it."""
    service = serve(lambda name: (200, {"vulns": [FLAW]} if name == "kombu" else {}))
    code, told = _audit(service.url)
    assert code == 1, told
    assert "kombu" in told
    assert "TEST-1, fixed in 99.1" in told


def test_a_service_out_of_reach_is_said_and_fails_nothing() -> None:
    """A build machine without the internet can still check everything else."""
    code, told = _audit(NOWHERE)
    assert code == 0
    assert told.startswith("not audited: ")
    assert "Connection refused" in told


def test_a_service_that_fails_is_said_and_fails_nothing(serve: Callable[..., Service]) -> None:
    """An answer that is none is not taken for "no vulnerability"."""
    code, told = _audit(serve(lambda _name: (500, {})).url)
    assert code == 0
    assert told.startswith("not audited: ")


def _audit(service: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "scripts/audit.py", "--service", service],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr
