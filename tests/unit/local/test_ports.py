"""Ports: a server can listen on a free port, and a taken port is not free."""

import socket

from tradecapture.local.servers.ports import LOOPBACK, free_port, is_free


def test_free_port_can_be_taken_once() -> None:
    """A free port is free until a server listens on it, and again after that."""
    port = free_port()
    assert is_free(port)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
    assert is_free(port)


def test_server_on_every_interface_takes_the_port() -> None:
    """A server that listens on all interfaces has the loopback one too."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not is_free(server.getsockname()[1])
