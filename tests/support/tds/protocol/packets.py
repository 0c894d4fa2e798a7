"""Packets, the frames of TDS: a message is one or more packets of one kind."""

import socket
import struct
from typing import NamedTuple

SQL_BATCH = 0x01
RESPONSE = 0x04
ATTENTION = 0x06
PRELOGIN = 0x12

PACKET_SIZE = 4096  # bytes, with the header; the default of clients
_LAST = 0x01  # the status of a message's last packet
_HEADER = struct.Struct(">BBHHBB")  # kind, status, length, process, number, window


class Message(NamedTuple):
    """A message of a client."""

    kind: int
    body: bytes


def receive(client: socket.socket) -> Message | None:
    """Return the client's next message; None: the client has closed the connection."""
    body = bytearray()
    while True:
        header = _receive_exactly(client, _HEADER.size)
        if header is None:
            return None
        kind, status, length, *_ = _HEADER.unpack(header)
        part = _receive_exactly(client, length - _HEADER.size)
        if part is None:
            return None
        body += part
        if status & _LAST:
            return Message(kind, bytes(body))


def frame(body: bytes) -> bytes:
    """Return the packets of an answer."""
    room = PACKET_SIZE - _HEADER.size
    parts = [body[start : start + room] for start in range(0, len(body), room)] or [b""]
    last = len(parts) - 1
    return b"".join(
        _HEADER.pack(
            RESPONSE, _LAST if number == last else 0, _HEADER.size + len(part), 0, number % 256, 0
        )
        + part
        for number, part in enumerate(parts)
    )


def _receive_exactly(client: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        try:
            part = client.recv(size - len(received))
        except OSError:
            return None
        if not part:
            return None
        received += part
    return bytes(received)
