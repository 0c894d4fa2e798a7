"""Terminates TLS in front of a server without TLS support, as stunnel does."""

import asyncio
import ssl
import threading
from types import TracebackType
from typing import Self

import trustme

from tradecapture.local.servers.ports import LOOPBACK

CHUNK_BYTES = 65_536
# The first message of a PostgreSQL client: its length, and the code of SSLRequest.
POSTGRESQL_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class TlsProxy:
    """A proxy that accepts TLS connections and forwards them to a server without TLS."""

    def __init__(
        self, certificate: trustme.LeafCert, server: str | tuple[str, int], *, asked: bool = False
    ) -> None:
        """Prepare a proxy in front of a server.

        Args:
            certificate: that the proxy shows to clients.
            server: host and port, or the path of a Unix socket.
            asked: whether clients first ask for TLS, as PostgreSQL's clients do.
        """
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._server, self._asked = server, asked
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0
        self.connections = 0  # number of successful handshakes

    def __enter__(self) -> Self:
        """Start to listen on a port."""
        self._thread.start()
        self._listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, and cut every connection."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        context = None if self._asked else self._context
        return await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=context)

    async def _close(self) -> None:
        self._listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._asked:
                assert await reader.readexactly(8) == POSTGRESQL_SSL_REQUEST
                writer.write(b"S")
                await writer.start_tls(self._context)
            self.connections += 1
            server_reader, server_writer = await self._connect()
            await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._server, str):
            return await asyncio.open_unix_connection(self._server)
        return await asyncio.open_connection(*self._server)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
