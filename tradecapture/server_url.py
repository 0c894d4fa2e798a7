"""Server URLs: checked, shown without their secrets, and the TLS that they ask of Celery."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "unix")  # rediss: over TLS
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps")  # amqps: over TLS

# From the colon after the user to the last "@": also where "/" or "@" in it are not encoded.
_PASSWORD = re.compile(r"(://[^:@/?#]*):.*@", re.DOTALL)
_DATABASE = re.compile(r"(/\d*)?").fullmatch  # the path of a Redis on a host: its database
_SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;]*(?:pass|pwd|secret|token)[^=&;]*=)[^&;]*", re.IGNORECASE
)


def without_password(url: str) -> str:
    """Return a URL with its secrets replaced, fit for logs and messages.

    What is no URL is masked as well as it goes: hiding too much is better than too little.
    """
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def check_url(text: str, schemes: tuple[str, ...]) -> None:
    """Refuse a URL that redis-py or Celery could not read: their errors quote parts of it.

    Raises:
        ValueError: says what to give, and quotes nothing.
    """
    for url in text.split(";"):  # Celery takes several brokers so
        try:
            parts = urlsplit(url)
            whole = parts.port != 0 and not parts.fragment
        except ValueError:
            whole = False
        # A password's "/" would end the address early, and its rest be looked up as a host.
        if not whole or (parts.scheme in ("redis", "rediss") and not _DATABASE(parts.path)):
            raise ValueError(
                "the address cannot be read; in a user name or password write / as %2F, ? as %3F, "
                "# as %23, @ as %40, : as %3A, ; as %3B and % as %25"
            )
        if parts.scheme not in schemes:
            raise ValueError(f"give a URL that begins with {'://, '.join(schemes)}://")
        if _SECRET_PARAMETER.search(url):
            # Celery shows such parameters to whoever may ask its workers (`inspect stats`).
            raise ValueError(
                "no parameter may carry a password: give the server's as redis://USER:PASSWORD@HOST"
                ", and a TLS key without one, readable by this user only"
            )


def tls_options(broker_url: str) -> dict[str, Any] | None:
    """Return Celery's `broker_use_ssl` for a broker; None: it is reached without TLS.

    The certificate is checked, and that it names the host, unless the URL says otherwise; kombu
    alone would check none. The options of rediss:// are redis-py's: ssl_ca_certs, ssl_certfile,
    ssl_keyfile, ssl_cert_reqs (required, optional or none), ssl_check_hostname.
    """
    parts = urlsplit(broker_url)
    if parts.scheme == "amqps":
        return {"server_hostname": None}  # kombu puts the URL's host there, and it is checked
    if parts.scheme != "rediss":
        return None
    given = {name: value for name, value in parse_qsl(parts.query) if name.startswith("ssl_")}
    check = given.pop("ssl_check_hostname", "true").lower() not in ("false", "0", "no")
    return {"ssl_cert_reqs": "required", **given, "ssl_check_hostname": check}
