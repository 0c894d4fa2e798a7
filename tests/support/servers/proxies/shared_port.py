"""A TLS proxy on the port by which servers know each other: some speak plainly there."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trustme

from tests.support.servers.proxies.tls_proxy import TlsProxy
from tradecapture.local.servers.ports import LOOPBACK

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class SharedPort(TlsProxy):
    """Servers without TLS reach the one behind it plainly, by their addresses; all others not.

    Sentinels tell clients the very addresses at which they reach the servers themselves.
    """

    def __init__(
        self,
        authority: trustme.CA,
        port: int,
        server: tuple[str, int],
        plain_from: frozenset[str] = frozenset(),
    ) -> None:
        """Prepare to stand in front of a server.

        Args:
            authority: issues the certificate to show, and those that clients must show.
            port: to listen on.
            server: host and port.
            plain_from: addresses of those who speak plainly.
        """
        super().__init__(authority.issue_cert(LOOPBACK), server)
        authority.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._asked_port, self._plain_from = port, plain_from

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # else it is reported as if it were an error
            await super()._serve(reader, writer)

    async def _listen(self) -> asyncio.Server:
        def door() -> Door:
            return Door(self._context, self._plain_from, self._serve)

        return await self._loop.create_server(door, LOOPBACK, self._asked_port)


class Door(asyncio.Protocol):
    """Looks where a connection comes from before a byte of it is read."""

    def __init__(self, context: ssl.SSLContext, plain_from: frozenset[str], serve: Serve) -> None:
        self._context, self._plain_from, self._serve = context, plain_from, serve

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or ask for TLS first."""
        assert isinstance(transport, asyncio.Transport)
        inside = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
        if transport.get_extra_info("peername")[0] in self._plain_from:
            transport.set_protocol(inside)
            inside.connection_made(transport)
        else:
            transport.pause_reading()
            self._greeting = asyncio.create_task(self._greet(transport, inside))

    async def _greet(
        self, transport: asyncio.Transport, inside: asyncio.StreamReaderProtocol
    ) -> None:
        with suppress(OSError):  # no TLS, or no certificate that is believed
            behind_tls = await asyncio.get_running_loop().start_tls(
                transport, inside, self._context, server_side=True
            )
            assert behind_tls is not None
            inside.connection_made(behind_tls)
