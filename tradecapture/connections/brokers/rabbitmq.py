"""RabbitMQ as the broker: kombu's transport to it, in which no wait is endless.

A RabbitMQ that is frozen, cut off without a word or out of memory (it then reads nothing from
those who publish) leaves py-amqp waiting for an answer for ever, also when it gives a connection
up and says good-bye. A submitter waits for its bell, and a worker's main process for the sweep's.
"""

from typing import Any

from amqp.exceptions import RecoverableConnectionError
from kombu.transport import TRANSPORT_ALIASES, pyamqp

AMQP_SCHEMES = ("amqp", "amqps")
HEARTBEAT_SECONDS = 10  # a worker notices within two of them that RabbitMQ has gone


class RabbitmqConnection(pyamqp.Connection):
    """A connection that is given up when an answer takes longer than its `read_timeout`."""

    def connect(self, callback: Any = None) -> Any:
        """Connect; from then on each read and write has its time."""
        connected = super().connect(callback)
        self.transport.sock.settimeout(self.read_timeout)
        return connected

    def blocking_read(self, timeout: float | None = None) -> Any:
        """Read the next frame.

        Raises:
            RecoverableConnectionError: none came; whoever gave no time of his own would have
                waited for ever.
            TimeoutError: none came within the time that was given.
        """
        try:
            return super().blocking_read(timeout)
        except TimeoutError as error:
            if timeout is not None:
                raise
            self.collect()  # without a good-bye, whose answer would not come either
            message = f"RabbitMQ did not answer within {self.read_timeout} s"
            raise RecoverableConnectionError(message) from error


class RabbitmqTransport(pyamqp.Transport):
    """RabbitMQ over TCP."""

    Connection = RabbitmqConnection


class TlsTransport(pyamqp.SSLTransport):
    """RabbitMQ over TLS."""

    Connection = RabbitmqConnection


def is_amqp(broker_url: str) -> bool:
    """Return whether a broker is RabbitMQ, or another that speaks AMQP 0.9.1."""
    return broker_url.startswith(tuple(f"{scheme}://" for scheme in AMQP_SCHEMES))


def amqp_options(connect_seconds: float) -> dict[str, Any]:
    """Return Celery's `broker_transport_options` for RabbitMQ.

    Args:
        connect_seconds: how long to wait for it before saying so.
    """
    return {
        # A message counts as sent when RabbitMQ has it, a lasting one on disk: else a trade that
        # was submitted as a task could be lost on its way, without anybody noticing.
        "confirm_publish": True,
        "connect_timeout": connect_seconds,
        "read_timeout": connect_seconds,
        "write_timeout": connect_seconds,
    }


def use_amqp() -> None:
    """Let brokers named amqp:// and amqps:// be reached through this transport from now on."""
    for scheme, transport in zip(AMQP_SCHEMES, (RabbitmqTransport, TlsTransport), strict=True):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{transport.__name__}"
