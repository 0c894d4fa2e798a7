"""Connections: HTTP/1.1 requests at a tenth of the cost of a general client.

The load and the fleet may share a machine, and httpx takes 1 to 2 ms of it a request: at the
desk's burst the test would measure itself. Parsed by httptools, as uvicorn does.
"""

import asyncio
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

READ_BYTES = 2**16  # at a time
HTTPS = "https"


class Response(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class _Answer:
    """Gathers an answer from what the parser calls back with."""

    def __init__(self) -> None:
        self.body, self.is_whole = b"", False

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """Note that it is whole."""
        self.is_whole = True


class Connection(NamedTuple):
    """One connection, used by one request at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Connections:
    """Connections to one service: kept for later requests, and never waited for."""

    def __init__(self, base_url: str, answer_seconds: float) -> None:
        parts = urlsplit(base_url)
        self._tls = ssl.create_default_context() if parts.scheme == HTTPS else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._name, self._path = parts.netloc.rpartition("@")[2], parts.path
        self._answer_seconds = answer_seconds
        self._idle: list[Connection] = []

    async def request(
        self, method: str, path: str, body: bytes = b"", media_type: str = ""
    ) -> Response:
        """Send a request and return the answer, over a new connection if none is free.

        Raises:
            OSError: there was no answer, in time or at all; TimeoutError and ConnectionError are.
        """
        kind = f"Content-Type: {media_type}\r\n" if media_type else ""
        head = (
            f"{method} {self._path}{path} HTTP/1.1\r\nHost: {self._name}\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(self._answer_seconds):
            while self._idle:
                connection = self._idle.pop()
                try:
                    return await self._exchange(connection, head.encode() + body)
                except ConnectionError:
                    # The service closes idle ones when it likes. A resend changes nothing.
                    continue
            opened = Connection(
                *await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            )
            return await self._exchange(opened, head.encode() + body)

    async def _exchange(self, connection: Connection, request: bytes) -> Response:
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        try:
            connection.writer.write(request)
            while not answer.is_whole:
                parser.feed_data(await _read(connection.reader))
        except httptools.HttpParserError as error:
            connection.writer.close()
            raise ConnectionError(f"the answer is not HTTP: {error}") from error
        except BaseException:
            connection.writer.close()
            raise
        if parser.should_keep_alive():
            self._idle.append(connection)
        else:
            connection.writer.close()
        return Response(parser.get_status_code(), answer.body)

    def close(self) -> None:
        """Close what is not in use."""
        while self._idle:
            self._idle.pop().writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(READ_BYTES)
    if not data:
        raise ConnectionResetError("the service closed the connection")
    return data
