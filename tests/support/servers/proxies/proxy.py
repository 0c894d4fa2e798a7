"""A proxy that passes on, refuses, holds back or cuts connections to a server."""

import socket
import threading
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

CHUNK = 65536  # bytes of one read; far more than any message of these tests

# The path of a Unix socket, or host and port of a TCP socket.
Address = Path | tuple[str, int]


class Mode(StrEnum):
    """How the proxy treats every connection."""

    PASS = "pass"
    REFUSE = "refuse"  # like a host on which no server listens
    BLACK_HOLE = "black hole"  # accepts connections and data, and answers nothing: a cut network


class _Moment(NamedTuple):
    """When to cut a connection: at the first message of a client that contains some words."""

    words: bytes
    answer_lost: bool  # True: the server gets the message, but the client not the answer


class Proxy:
    """A proxy before a server. Data that a black hole holds back arrives after `pass_on`."""

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
        """Pass everything on, also what was held back."""
        self._flowing.set()
        if self._listener is None:
            self._open()

    def refuse(self) -> None:
        """Refuse new connections, and cut the open ones."""
        self._close_listener()
        self.cut()  # before data flows again, so that data that was held back is lost
        self._flowing.set()

    def black_hole(self) -> None:
        """Accept connections, and hold back all data in both directions."""
        self._flowing.clear()

    def become(self, mode: Mode) -> None:
        """Switch to a mode."""
        {
            Mode.PASS: self.pass_on,
            Mode.REFUSE: self.refuse,
            Mode.BLACK_HOLE: self.black_hole,
        }[mode]()

    def cut(self) -> int:
        """Cut all open connections; return how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                _shut(end)
        self.cuts += len(pairs)
        return len(pairs)

    def cut_before(self, words: bytes, times: int = 1) -> None:
        """Cut the next `times` connections that send some words, before the server gets them."""
        self._moments += [_Moment(words, answer_lost=False)] * times

    def lose_answers(self, words: bytes, times: int = 1) -> None:
        """Cut the next `times` connections that send some words, after the server gets them.

        The server executes the message; the client gets no answer.
        """
        self._moments += [_Moment(words, answer_lost=True)] * times

    def __enter__(self) -> Self:
        """Start to listen."""
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, and cut all connections."""
        self.refuse()

    def _open(self) -> None:
        listener = _socket(self._listen)
        if isinstance(self._listen, tuple):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(_named(self._listen))
        if isinstance(self._listen, Path):
            self._listen.chmod(0o666)  # the server runs as another user
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
        """Pass on what the client sends, until a message at which to cut."""
        while data := _receive(client):
            self._flowing.wait()
            moment = self._moment_of(data)
            if moment is None:
                if not _send(server, data):
                    break
                continue
            self.cuts += 1
            # The client's end is closed first, so that no answer can reach the client.
            _shut(client)
            if moment.answer_lost:
                _send(server, data)
                with suppress(OSError):
                    server.shutdown(socket.SHUT_WR)  # the server executes it, then sees the end
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
    with suppress(OSError):  # the other end may have closed it already
        end.shutdown(socket.SHUT_RDWR)
