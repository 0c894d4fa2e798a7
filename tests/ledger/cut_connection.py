"""A proxy before PostgreSQL that can lose the answer to a commit, as a broken network does."""

import socket
import threading
from pathlib import Path
from types import TracebackType

SOCKET_NAME = ".s.PGSQL.5432"
CHUNK = 65536  # bytes; far more than any message of these tests


class CutConnection:
    """Listens in a folder of its own; cuts a connection once after the server has committed."""

    def __init__(self, server_folder: str, folder: Path) -> None:
        """Prepare; both folders hold, or get, a socket named as PostgreSQL names it."""
        self._server = f"{server_folder}/{SOCKET_NAME}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET_NAME))
        self._commits_to_cut = 0
        self.cuts = 0

    def cut_commits(self, number: int) -> None:
        """Lose the answers to the next commits."""
        self._commits_to_cut = number

    def __enter__(self) -> "CutConnection":
        """Begin to listen."""
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the client says; cut both ends once a commit has been answered."""
        while data := _receive(client):
            if b"COMMIT\0" in data and self._commits_to_cut:
                self._commits_to_cut -= 1
                # Nobody hears the answer: the client's end is shut before the commit is sent.
                client.shutdown(socket.SHUT_RDWR)
                server.sendall(data)
                server.shutdown(socket.SHUT_WR)  # the server commits, then sees the end
                self.cuts += 1
                return
            server.sendall(data)
        _close(server)

    @staticmethod
    def _pump(server: socket.socket, client: socket.socket) -> None:
        while data := _receive(server):
            try:
                client.sendall(data)
            except OSError:
                break
        _close(client)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(CHUNK)
    except OSError:
        return b""


def _close(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other end was quicker
