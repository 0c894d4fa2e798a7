"""A TLS proxy that also accepts plain connections from chosen addresses on the same port."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trustme

from tests.support.servers.proxies.tls_proxy import TlsProxy
from tradecapture.local.servers.ports import LOOPBACK

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class SharedPort(TlsProxy):
    """A TLS proxy that some addresses may use without TLS.

    Sentinels tell clients the addresses at which they reach the servers themselves. The servers
    and sentinels of a test have no TLS, so the proxy recognises them by their addresses. All
    clients must use TLS on the same port.
    """

    def __init__(
        self,
        authority: trustme.CA,
        port: int,
        server: tuple[str, int],
        plain_from: frozenset[str] = frozenset(),
    ) -> None:
        """Prepare a proxy in front of a server.

        Args:
            authority: issues the proxy's certificate, and the certificates that clients must show.
            port: to listen on.
            server: host and port.
            plain_from: addresses that connect without TLS.
        """
        super().__init__(authority.issue_cert(LOOPBACK), server)
        authority.configure_trust(self._context)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._asked_port, self._plain_from = port, plain_from

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # asyncio would report it as an error
            await super()._serve(reader, writer)

    async def _listen(self) -> asyncio.Server:
        def make_protocol() -> Door:
            return Door(self._context, self._plain_from, self._serve)

        return await self._loop.create_server(make_protocol, LOOPBACK, self._asked_port)


class Door(asyncio.Protocol):
    """The protocol of a new connection: checks its address before it reads any data."""

    def __init__(self, context: ssl.SSLContext, plain_from: frozenset[str], serve: Serve) -> None:
        self._context, self._plain_from, self._serve = context, plain_from, serve

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the connection at once, or start TLS first."""
        assert isinstance(transport, asyncio.Transport)
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)
        if transport.get_extra_info("peername")[0] in self._plain_from:
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        else:
            transport.pause_reading()
            # A reference, because asyncio keeps none: the task could be collected before it ends.
            self._handshake = asyncio.create_task(self._start_tls(transport, protocol))

    async def _start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.StreamReaderProtocol
    ) -> None:
        with suppress(OSError):  # the client uses no TLS, or shows no valid certificate
            tls_transport = await asyncio.get_running_loop().start_tls(
                transport, protocol, self._context, server_side=True
            )
            assert tls_transport is not None
            protocol.connection_made(tls_transport)
