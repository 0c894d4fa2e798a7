"""The login: the messages before a client's first statement."""

import struct
from typing import NamedTuple

_PASSWORD_MASK = 0xA5  # [MS-TDS] 2.2.6.4: nibbles swapped, then exclusive-or with this
_READ_ONLY_INTENT = 0x20  # in the type flags
_TYPE_FLAGS_AT = 26  # bytes from the beginning of LOGIN7
_NAMES_AT = 36  # offset and length of each variable field follow one another from here
_USER, _PASSWORD, _DATABASE = 1, 2, 8  # indexes of these fields


class Login(NamedTuple):
    """Who connects to which database, and whether only to read."""

    user: str
    password: str
    database: str
    read_only: bool


def prelogin_answer() -> bytes:
    """Return the server's half of PRELOGIN: SQL Server 2016, no encryption, no MARS."""
    version = struct.pack(">BBHH", 13, 0, 5026, 0)
    options = [(0, version), (1, b"\x02"), (2, b"\x00"), (3, b""), (4, b"\x00")]
    offset = 5 * len(options) + 1
    head, data = b"", b""
    for token, value in options:
        head += struct.pack(">BHH", token, offset + len(data), len(value))
        data += value
    return head + b"\xff" + data


def read_login(body: bytes) -> Login:
    """Return the login of a LOGIN7 message."""

    def field(number: int) -> bytes:
        offset, length = struct.unpack_from("<HH", body, _NAMES_AT + 4 * number)
        return body[offset : offset + 2 * length]

    mask = bytes(_PASSWORD_MASK for _ in field(_PASSWORD))
    hidden = bytes(a ^ b for a, b in zip(field(_PASSWORD), mask, strict=True))
    password = bytes((byte << 4 & 0xF0) | (byte >> 4) for byte in hidden)
    return Login(
        field(_USER).decode("utf-16-le"),
        password.decode("utf-16-le"),
        field(_DATABASE).decode("utf-16-le"),
        bool(body[_TYPE_FLAGS_AT] & _READ_ONLY_INTENT),
    )
