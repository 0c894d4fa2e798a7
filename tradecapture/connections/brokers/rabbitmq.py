"""RabbitMQ as the broker: kombu's transport, with a timeout on every wait.

If RabbitMQ hangs, is cut off, or blocks publishers because it is out of memory, py-amqp waits
forever, even while it closes a connection. These transports put a timeout on every read and write:
a submitter waits for its bell, and a worker's main process waits for the sweep's bells.
"""

from typing import Any

from amqp.exceptions import RecoverableConnectionError
from kombu.transport import pyamqp


class RabbitmqConnection(pyamqp.Connection):
    """A connection that is closed when a reply takes longer than its `read_timeout`."""

    def connect(self, callback: Any = None) -> Any:
        """Connect, and set the timeout of every later read and write."""
        connected = super().connect(callback)
        self.transport.sock.settimeout(self.read_timeout)
        return connected

    def blocking_read(self, timeout: float | None = None) -> Any:
        """Read the next frame.

        Args:
            timeout: in seconds; None: py-amqp would wait forever, so `read_timeout` applies.

        Raises:
            RecoverableConnectionError: no frame came within `read_timeout`.
            TimeoutError: no frame came within `timeout`.
        """
        try:
            return super().blocking_read(timeout)
        except TimeoutError as error:
            if timeout is not None:
                raise
            # Drop the connection without AMQP's closing handshake: no reply would come either.
            self.collect()
            message = f"RabbitMQ did not answer within {self.read_timeout} s"
            raise RecoverableConnectionError(message) from error


class RabbitmqTransport(pyamqp.Transport):
    """RabbitMQ over TCP."""

    Connection = RabbitmqConnection


class RabbitmqTlsTransport(pyamqp.SSLTransport):
    """RabbitMQ over TLS."""

    Connection = RabbitmqConnection
