"""The server: accepts clients of SQL Server, one thread for each connection."""

import socket
import socketserver
import struct
import threading
from itertools import count
from types import TracebackType

import psycopg

from tests.support.tds.databases import MASTER, Databases
from tests.support.tds.errors import CutError, injected
from tests.support.tds.faults import Fault, Moment, Plan, no_fault
from tests.support.tds.journal import Journal
from tests.support.tds.protocol import packets, tokens
from tests.support.tds.protocol.login import Login, prelogin_answer, read_login
from tests.support.tds.session import Session

USER, PASSWORD = "sa", "x"
HOST = "127.0.0.1"


class TdsServer:
    """A stand-in for SQL Server in front of a PostgreSQL; a context manager."""

    def __init__(
        self, postgresql_url: str, port: int = 0, host: str = HOST, password: str = PASSWORD
    ) -> None:
        """Prepare.

        Args:
            postgresql_url: SQLAlchemy URL of the PostgreSQL, with its superuser.
            port: to listen at; 0: any that is free.
            host: to listen at; empty: every address, as in a container.
            password: of the only user, `sa`.
        """
        self.journal = Journal()
        self.logins: list[Login] = []
        self.faults: Plan = no_fault
        self._databases = Databases(postgresql_url)
        self._session_numbers = count(51)  # SQL Server's own sessions have the numbers up to 50
        self._clients: set[socket.socket] = set()
        self._password = password
        self._listener = _Listener((host, port), _Handler)
        self._listener.owner = self

    @property
    def url(self) -> str:
        """The URL of its master database, as TRADECAPTURE_TEST_MSSQL_URL takes it."""
        return self.url_of(MASTER)

    def url_of(self, database: str) -> str:
        """Return the URL of a database."""
        port = self._listener.server_address[1]
        return f"mssql://{USER}:{self._password}@{HOST}:{port}/{database}"

    def __enter__(self) -> "TdsServer":
        """Start to listen."""
        self._databases.prepare()
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to listen, and close every connection."""
        self._listener.shutdown()
        self._listener.server_close()
        for client in list(self._clients):
            _cut(client, reset=False)

    def serve(self, client: socket.socket) -> None:
        """Serve one client until it leaves or is cut."""
        self._clients.add(client)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session: Session | None = None
        try:
            session = self._log_in(client)
            while session and (message := packets.receive(client)):
                client.sendall(packets.frame(_answer(session, message)))
        except CutError as cut:
            if cut.answer:
                client.sendall(packets.frame(cut.answer)[: -len(cut.answer) // 2])
            _cut(client, reset=cut.reset)
        except OSError:
            pass  # the client has closed the connection first
        finally:
            self._clients.discard(client)
            if session:
                session.close()

    def _log_in(self, client: socket.socket) -> Session | None:
        number = next(self._session_numbers)
        while message := packets.receive(client):
            if message.kind == packets.PRELOGIN:
                client.sendall(packets.frame(prelogin_answer()))
                continue
            login = read_login(message.body)
            self.logins.append(login)
            refused = self._refused(login)
            if refused:
                client.sendall(packets.frame(refused))
                return None
            database = login.database or MASTER
            try:
                session = Session(number, self._databases, database, self.journal, self._fault_at)
            except psycopg.OperationalError:
                client.sendall(packets.frame(_refusal(4060)))
                return None
            self.journal.note(number, "connect")
            client.sendall(packets.frame(tokens.logged_in(database, packets.PACKET_SIZE)))
            return session
        return None

    def _refused(self, login: Login) -> bytes:
        if (login.user, login.password) != (USER, self._password):
            return _refusal(18456)
        fault = self._fault_at(Moment.CONNECT, login.database)
        if fault is None:
            return b""
        if fault.number is None:
            raise CutError(reset=fault.reset)
        return _refusal(fault.number)

    def _fault_at(self, moment: Moment, text: str) -> Fault | None:
        return self.faults(moment, text)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: TdsServer


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        self.server.owner.serve(self.request)


def _answer(session: Session, message: packets.Message) -> bytes:
    if message.kind == packets.ATTENTION:
        return tokens.attention_done()
    if message.kind != packets.SQL_BATCH:
        raise CutError  # the driver sends no other kind
    headers = struct.unpack_from("<I", message.body)[0]
    return session.run(message.body[headers:].decode("utf-16-le"))


def _refusal(number: int) -> bytes:
    return tokens.error(injected(number)) + tokens.done(failed=True)


def _cut(client: socket.socket, *, reset: bool) -> None:
    try:
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            client.shutdown(socket.SHUT_RDWR)
        client.close()
    except OSError:
        return  # the client has closed the connection first
