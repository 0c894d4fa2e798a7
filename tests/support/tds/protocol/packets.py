"""Packets: the frames of TDS. A message is one or more packets of one kind."""

import socket
import struct
from typing import NamedTuple

SQL_BATCH = 0x01
RESPONSE = 0x04
ATTENTION = 0x06
PRELOGIN = 0x12

PACKET_SIZE = 4096  # bytes, the header included; what clients ask for when they do not say
_LAST = 0x01  # the status of a message's last packet
_HEADER = struct.Struct(">BBHHBB")  # kind, status, length, process, number, window


class Message(NamedTuple):
    """What a client sent."""

    kind: int
    body: bytes


def receive(end: socket.socket) -> Message | None:
    """Return the client's next message; None when it has gone."""
    body = bytearray()
    while True:
        header = _exactly(end, _HEADER.size)
        if header is None:
            return None
        kind, status, length, *_ = _HEADER.unpack(header)
        part = _exactly(end, length - _HEADER.size)
        if part is None:
            return None
        body += part
        if status & _LAST:
            return Message(kind, bytes(body))


def frame(body: bytes) -> bytes:
    """Return an answer in packets."""
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


def _exactly(end: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        try:
            part = end.recv(size - len(received))
        except OSError:
            return None
        if not part:
            return None
        received += part
    return bytes(received)
