"""Server URLs: checked, shown without their secrets, and the TLS that they ask of Celery."""

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

CLUSTER_SUFFIX = "+cluster"  # of the schemes of a Redis Cluster
CLUSTER_SCHEMES = (f"redis{CLUSTER_SUFFIX}", f"rediss{CLUSTER_SUFFIX}")
REDIS_SCHEMES = ("redis", "rediss", "unix", "sentinel", *CLUSTER_SCHEMES)  # rediss: over TLS
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps")  # amqps: over TLS

SENTINEL = "sentinel://"
SENTINEL_PORT = 26379  # the default of a sentinel

# From the colon after the user to the last "@": also where "/" or "@" in it are not encoded.
_PASSWORD = re.compile(r"(://[^:@/?#]*):.*@", re.DOTALL)
_DATABASE = re.compile(r"(/\d*)?").fullmatch  # the path of a Redis on a host: its database
_NO_DATABASE = re.compile(r"(/0?)?").fullmatch  # a cluster has only the first
_SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;]*(?:pass|pwd|secret|token)[^=&;]*=)[^&;]*", re.IGNORECASE
)


def without_password(url: str) -> str:
    """Return a URL with its secrets replaced, fit for logs and messages.

    What is no URL is masked as well as it goes: hiding too much is better than too little.
    """
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def is_cluster(url: str) -> bool:
    """Return whether a URL names a Redis Cluster."""
    return url.startswith(CLUSTER_SCHEMES)


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
        if not whole or (
            parts.scheme in ("redis", "rediss", "sentinel") and not _DATABASE(parts.path)
        ):
            raise ValueError(
                "the address cannot be read; in a user name or password write / as %2F, ? as %3F, "
                "# as %23, @ as %40, : as %3A, ; as %3B and % as %25"
            )
        if parts.scheme not in schemes:
            raise ValueError(f"give a URL that begins with {'://, '.join(schemes)}://")
        if parts.scheme in CLUSTER_SCHEMES and not _NO_DATABASE(parts.path):
            raise ValueError("a Redis Cluster has no databases: leave the number out, or give 0")
        if _SECRET_PARAMETER.search(url):
            # Celery shows such parameters to whoever may ask its workers (`inspect stats`).
            raise ValueError(
                "no parameter may carry a password: give the server's as redis://USER:PASSWORD@HOST"
                ", and a TLS key without one, readable by this user only"
            )


class SentinelUrl(NamedTuple):
    """What a list of sentinel:// URLs says: whom to ask, and how to log into the master then."""

    sentinels: tuple[tuple[str, int], ...]  # host and port
    username: str | None
    password: str | None  # of the master and its replicas; sentinels are asked without one
    database: int


def read_sentinel_url(url: str) -> SentinelUrl:
    """Read `sentinel://[user:password@]host:port;sentinel://host:port;...[/database]`.

    User, password and database may stand in any one of the URLs, and hold for all.
    """
    parts = [urlsplit(one) for one in url.split(";")]
    login = next((part for part in parts if part.password is not None), parts[0])
    database = next((part.path[1:] for part in parts if part.path[1:]), "0")
    return SentinelUrl(
        tuple((part.hostname or "127.0.0.1", part.port or SENTINEL_PORT) for part in parts),
        unquote(login.username) if login.username else None,
        unquote(login.password) if login.password else None,
        int(database),
    )


def for_celery(broker_url: str) -> str:
    """Return a broker's URL as Celery needs it.

    Celery goes to the next URL of a list when one fails, and then forgets what stood only in the
    one before: in a list of sentinels each gets the same user, password and database.
    """
    if not broker_url.startswith(SENTINEL):
        return broker_url
    parts = [urlsplit(one) for one in broker_url.split(";")]
    login = next((part.netloc.rpartition("@")[0] for part in parts if "@" in part.netloc), "")
    database = read_sentinel_url(broker_url).database
    return ";".join(
        f"{SENTINEL}{login and login + '@'}{part.netloc.rpartition('@')[2]}/{database}"
        for part in parts
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
