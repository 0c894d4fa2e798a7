"""HTTP/1.1 connections that need a tenth of the CPU of a general client.

The load and the fleet may share a machine, and httpx takes 1 to 2 ms of CPU a request: in the
burst the test would measure itself. httptools parses the answers, as in uvicorn.
"""

import asyncio
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

READ_BYTES = 2**16  # a read
HTTPS = "https"


class Response(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes


class _Answer:
    """Collects an answer from the parser's callbacks."""

    def __init__(self) -> None:
        self.body, self.is_complete = b"", False

    def on_body(self, part: bytes) -> None:
        """Append a part of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """Note that the answer is complete."""
        self.is_complete = True


class Connection(NamedTuple):
    """One connection; one request uses it at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Connections:
    """Connections to one service. They are reused; a request never waits for one."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        parts = urlsplit(base_url)
        self._tls = ssl.create_default_context() if parts.scheme == HTTPS else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._name, self._path = parts.netloc.rpartition("@")[2], parts.path
        self._timeout_seconds = timeout_seconds
        self._idle: list[Connection] = []

    async def request(
        self, method: str, path: str, body: bytes = b"", media_type: str = ""
    ) -> Response:
        """Send a request and return the answer; open a new connection if none is free.

        Raises:
            OSError: there was no answer, or none in time (TimeoutError, ConnectionError).
        """
        content_type = f"Content-Type: {media_type}\r\n" if media_type else ""
        head = (
            f"{method} {self._path}{path} HTTP/1.1\r\nHost: {self._name}\r\n"
            f"{content_type}Content-Length: {len(body)}\r\n\r\n"
        )
        async with asyncio.timeout(self._timeout_seconds):
            while self._idle:
                connection = self._idle.pop()
                try:
                    return await self._exchange(connection, head.encode() + body)
                except ConnectionError:
                    # The service may have closed an idle connection. A resend is harmless.
                    continue
            connection = Connection(
                *await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            )
            return await self._exchange(connection, head.encode() + body)

    async def _exchange(self, connection: Connection, request: bytes) -> Response:
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        try:
            connection.writer.write(request)
            while not answer.is_complete:
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
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(READ_BYTES)
    if not data:
        raise ConnectionResetError("the service closed the connection")
    return data
