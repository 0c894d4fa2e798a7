"""A proxy before a server: passes on, refuses, swallows, or cuts connections at a chosen moment."""

import socket
import threading
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

CHUNK = 65536  # bytes; far more than any message of these tests

# A Unix socket's path, or host and port of TCP.
Address = Path | tuple[str, int]


class Mode(StrEnum):
    """What the proxy does with every connection."""

    PASS = "pass"
    REFUSE = "refuse"  # as of a host that is up and a server that is not
    BLACK_HOLE = "black hole"  # connects, takes and answers nothing, as of a network that is cut


class _Moment(NamedTuple):
    """When to cut: at a message of a client that holds some words."""

    words: bytes
    answer_lost: bool  # True: the server gets the message, and its answer is lost


class Proxy:
    """Stands before a server. What was swallowed arrives late, as in a network that mends."""

    def __init__(self, listen: Address, server: Address) -> None:
        """Prepare to listen at one address for a server at another."""
        self._listen, self._server = listen, server
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._moments: list[_Moment] = []
        self._listener: socket.socket | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self.cuts = 0  # connections that were cut

    def pass_on(self) -> None:
        """Pass everything on, also what was swallowed."""
        self._flowing.set()
        if self._listener is None:
            self._open()

    def refuse(self) -> None:
        """Refuse connections, and cut those that there are."""
        self._close_listener()
        self.cut()  # first, so that what was swallowed does not slip through
        self._flowing.set()

    def black_hole(self) -> None:
        """Let connect, and pass on nothing more in either direction."""
        self._flowing.clear()

    def become(self, mode: Mode) -> None:
        """Do what a mode says."""
        {
            Mode.PASS: self.pass_on,
            Mode.REFUSE: self.refuse,
            Mode.BLACK_HOLE: self.black_hole,
        }[mode]()

    def cut(self) -> int:
        """Cut all connections now; return how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                _shut(end)
        self.cuts += len(pairs)
        return len(pairs)

    def cut_before(self, words: bytes, times: int = 1) -> None:
        """Cut the next connections that send some words, which the server does not get."""
        self._moments += [_Moment(words, answer_lost=False)] * times

    def lose_answers(self, words: bytes, times: int = 1) -> None:
        """Cut the next connections that send some words, which the server gets and carries out."""
        self._moments += [_Moment(words, answer_lost=True)] * times

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more, and end the connections."""
        self.refuse()

    def _open(self) -> None:
        listener = _socket(self._listen)
        if isinstance(self._listen, tuple):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(_named(self._listen))
        if isinstance(self._listen, Path):
            self._listen.chmod(0o666)  # the server's own user is not ours
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _close_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        _shut(listener)
        listener.close()
        if isinstance(self._listen, Path):
            self._listen.unlink()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            server = _socket(self._server)
            try:
                server.connect(_named(self._server))
            except OSError:  # the server itself is down
                client.close()
                server.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._forward, args=pair, daemon=True).start()
            threading.Thread(target=self._answer, args=pair, daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the client says, up to the moment at which to cut."""
        while data := _receive(client):
            self._flowing.wait()
            moment = self._moment_of(data)
            if moment is None:
                if not _send(server, data):
                    break
                continue
            self.cuts += 1
            # Nobody hears the answer: the client's end is shut before the server gets anything.
            _shut(client)
            if moment.answer_lost:
                _send(server, data)
                with suppress(OSError):
                    server.shutdown(socket.SHUT_WR)  # it carries it out, then sees the end
            else:
                _shut(server)
            self._forget(client, server)
            return
        _shut(server)
        self._forget(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        while data := _receive(server):
            self._flowing.wait()
            if not _send(client, data):
                break
        _shut(client)

    def _moment_of(self, data: bytes) -> _Moment | None:
        with self._lock:
            for moment in self._moments:
                if moment.words in data:
                    self._moments.remove(moment)
                    return moment
        return None

    def _forget(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._pairs.discard((client, server))


def _socket(address: Address) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET)


def _named(address: Address) -> str | tuple[str, int]:
    return str(address) if isinstance(address, Path) else address


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(CHUNK)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> bool:
    try:
        end.sendall(data)
    except OSError:
        return False
    return True


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # the other end was quicker
        end.shutdown(socket.SHUT_RDWR)
