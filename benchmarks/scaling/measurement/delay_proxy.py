"""A proxy in front of PostgreSQL that delays each answer: latency, not bandwidth.

It runs in a separate process, so that it does not slow down the measuring process. Each connection
has its own queue of answers, so connections do not wait for each other.
"""

import asyncio
import multiprocessing
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.context import SpawnContext
from typing import Any, Self, cast

import uvloop

from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.server import wait_until

READY_SECONDS = 30.0  # a new Python process on a busy machine

# Memory shared with the proxy's process: delay in seconds, number of answers, number of bytes.
Shared = Any


class DelayProxy(AbstractContextManager["DelayProxy"]):
    """Starts and controls the proxy's process."""

    def __init__(self, socket_path: str) -> None:
        """Prepare a proxy in front of a server's Unix socket."""
        context: SpawnContext = multiprocessing.get_context("spawn")
        self.port = free_port()
        self._shared: Shared = context.Array("d", [0.0, 0.0, 0.0], lock=False)
        self._ready = context.Event()
        self._process = context.Process(
            target=_serve, args=(self.port, socket_path, self._shared, self._ready), daemon=True
        )

    @property
    def pid(self) -> int:
        """The id of the proxy's process."""
        return cast(int, self._process.pid)

    @property
    def answers(self) -> int:
        """How many answers have passed since the start."""
        return int(self._shared[1])

    @property
    def bytes_passed(self) -> int:
        """How many bytes have passed, in both directions, since the start."""
        return int(self._shared[2])

    def delay(self, seconds: float) -> None:
        """Delay every answer from now on."""
        self._shared[0] = seconds

    def __enter__(self) -> Self:
        """Start the proxy, and wait until it listens.

        Raises:
            TimeoutError: the proxy did not listen within 30 s.
        """
        self._process.start()
        if not self._ready.wait(READY_SECONDS):
            raise TimeoutError(f"the proxy did not listen after {READY_SECONDS:.0f} s")
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the proxy."""
        self._process.terminate()
        wait_until(lambda: not self._process.is_alive(), READY_SECONDS)


class _Client(asyncio.Protocol):
    """The connection of a worker: requests are passed on at once."""

    def __init__(self, socket_path: str, shared: Shared) -> None:
        self._path, self._shared = socket_path, shared
        self._server: asyncio.Transport | None = None
        self._early: list[bytes] = []  # received before the connection to the server was there
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_unix_connection(
            lambda: _Server(self._transport, self._shared), self._path
        )
        self._server = server
        server.writelines(self._early)
        if self._transport.is_closing():
            server.close()

    def data_received(self, data: bytes) -> None:
        self._shared[2] += len(data)
        if self._server is None:
            self._early.append(data)
        else:
            self._server.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._server is not None:
            self._server.close()


class _Server(asyncio.Protocol):
    """The connection to the database: each answer is passed on after the delay."""

    def __init__(self, client: asyncio.Transport, shared: Shared) -> None:
        self._client, self._shared = client, shared
        self._delayed: deque[bytes] = deque()
        self._call_later: Callable[..., object] = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        self._shared[1] += 1
        self._shared[2] += len(data)
        self._delayed.append(data)
        # One timer an answer. Each timer sends the oldest answer, so the order cannot change.
        self._call_later(self._shared[0], self._send_oldest)

    def _send_oldest(self) -> None:
        data = self._delayed.popleft()
        if not self._client.is_closing():
            self._client.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._call_later(self._shared[0], self._client.close)


def _serve(port: int, socket_path: str, shared: Shared, ready: Any) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Client(socket_path, shared), LOOPBACK, port)
        ready.set()
        await server.serve_forever()

    uvloop.run(serve())
