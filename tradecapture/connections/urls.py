"""The URLs of servers: checking them, hiding their secrets, and reading their TLS options."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SENTINEL_SCHEME = "sentinel"  # the only one of the two that Celery knows
# With sentinels:// the sentinels and their servers are reached over TLS.
SENTINEL_SCHEMES = (SENTINEL_SCHEME, "sentinels")
SENTINEL_PORT = 26379  # a sentinel's default

CLUSTER_SUFFIX = "+cluster"  # ends the schemes of a Redis Cluster
CLUSTER_SCHEMES = (f"redis{CLUSTER_SUFFIX}", f"rediss{CLUSTER_SUFFIX}")

AMQP_SCHEMES = ("amqp", "amqps")

# TLS is used with: rediss, rediss+cluster, sentinels, amqps.
REDIS_SCHEMES = ("redis", "rediss", "unix", *SENTINEL_SCHEMES, *CLUSTER_SCHEMES)
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", *SENTINEL_SCHEMES, *AMQP_SCHEMES)

# The options of rediss:// and sentinels://, by redis-py's names.
TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")

# From the colon after the user to the last "@", so that a "/" or "@" in an unencoded password is
# hidden too.
_PASSWORD = re.compile(r"(://[^:@/?#]*):.*@", re.DOTALL)
_SECRET_PARAMETER = re.compile(
    r"([?&;][^=&;]*(?:pass|pwd|secret|token)[^=&;]*=)[^&;]*", re.IGNORECASE
)
# The path of a URL is the number of the database. A cluster has only database 0.
_is_database_path = re.compile(r"(/\d*)?").fullmatch
_is_cluster_path = re.compile(r"(/0?)?").fullmatch


@dataclass(frozen=True, slots=True)
class SentinelAccess:
    """The name of the master at the sentinels, and the login at the sentinels themselves."""

    master: str = "mymaster"
    username: str = ""  # for sentinels with ACLs; empty: the default user
    password: str = field(default="", repr=False)  # empty: no login


class SentinelUrl(NamedTuple):
    """The contents of a list of sentinel URLs."""

    sentinels: tuple[tuple[str, int], ...]  # host and port
    username: str | None
    password: str | None  # of the master and its replicas; of the sentinels see SentinelAccess
    database: int


def is_sentinel(url: str) -> bool:
    """Return whether a URL names sentinels."""
    return url.partition("://")[0] in SENTINEL_SCHEMES


def is_cluster(url: str) -> bool:
    """Return whether a URL names a Redis Cluster."""
    return url.startswith(CLUSTER_SCHEMES)


def is_amqp(url: str) -> bool:
    """Return whether a URL names RabbitMQ, or another broker that speaks AMQP 0.9.1."""
    return url.partition("://")[0] in AMQP_SCHEMES


def read_sentinel_url(url: str) -> SentinelUrl:
    """Read `sentinel://[user:password@]host:port;sentinel://host:port;...[/database]`.

    The user, the password, the database and the TLS options (see `tls_options`) may be in any one
    of the URLs, and apply to all.
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


def celery_url(broker_url: str) -> str:
    """Return a broker's URL in the form that Celery reads. `tls_options` returns its TLS options.

    When a URL of a list fails, Celery takes the next one and forgets the user, the password and the
    database of the first. So each sentinel's URL gets all three.
    """
    if not is_sentinel(broker_url):
        return broker_url
    parts = [urlsplit(one) for one in broker_url.split(";")]
    login = next((part.netloc.rpartition("@")[0] for part in parts if "@" in part.netloc), "")
    database = read_sentinel_url(broker_url).database
    return ";".join(
        f"{SENTINEL_SCHEME}://{login and login + '@'}{part.netloc.rpartition('@')[2]}/{database}"
        for part in parts
    )


def tls_options(url: str) -> dict[str, Any] | None:
    """Return the TLS options of a URL, as Celery's `broker_use_ssl` and redis-py take them.

    The server's certificate and the host name in it are checked, unless the URL says otherwise.
    Kombu alone would check nothing. In a list of URLs the options, see `TLS_OPTIONS`, may be in any
    one of them.

    Returns:
        None if the URL is not one of TLS.
    """
    parts = [urlsplit(one) for one in url.split(";")]
    if parts[0].scheme == "amqps":
        return {"server_hostname": None}  # kombu sets the URL's host, which is then checked
    if parts[0].scheme not in ("rediss", "sentinels"):
        return None
    parameters = [pair for part in parts for pair in parse_qsl(part.query)]
    options = {name: value for name, value in parameters if name.startswith("ssl_")}
    check = options.pop("ssl_check_hostname", "true").lower() not in ("false", "0", "no")
    return {"ssl_cert_reqs": "required", **options, "ssl_check_hostname": check}


def without_password(url: str) -> str:
    """Return a URL with its secrets replaced by ***, for logs and messages.

    It also takes text that is no URL, and then rather hides too much than too little.
    """
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def check_url(text: str, schemes: tuple[str, ...]) -> None:
    """Refuse a URL that redis-py or Celery could not read: their errors quote parts of it.

    Args:
        text: a URL, or several separated by semicolons.
        schemes: the schemes to accept.

    Raises:
        ValueError: says what to give, and quotes nothing of the URL.
    """
    for url in text.split(";"):
        try:
            parts = urlsplit(url)
            is_readable = parts.port != 0 and not parts.fragment
        except ValueError:
            is_readable = False
        # An unencoded "/" in a password would end the address, and the text before it would be
        # looked up as a host.
        if not is_readable or (
            parts.scheme in ("redis", "rediss", *SENTINEL_SCHEMES)
            and not _is_database_path(parts.path)
        ):
            raise ValueError(
                "the address cannot be read; in a user name or password write / as %2F, ? as %3F, "
                "# as %23, @ as %40, : as %3A, ; as %3B and % as %25"
            )
        if parts.scheme not in schemes:
            raise ValueError(f"give a URL that begins with {'://, '.join(schemes)}://")
        if parts.scheme in CLUSTER_SCHEMES and not _is_cluster_path(parts.path):
            raise ValueError("a Redis Cluster has no databases: leave the number out, or give 0")
        if _SECRET_PARAMETER.search(url):
            # Celery shows such parameters to everyone who may ask its workers (`inspect stats`).
            raise ValueError(
                "no parameter may carry a password: give the server's as redis://USER:PASSWORD@HOST"
                ", and a TLS key without one, readable by this user only"
            )
    _check_sentinel_list([urlsplit(url) for url in text.split(";")])


def _check_sentinel_list(parts: Sequence[SplitResult]) -> None:
    """Refuse a list in which only some URLs use TLS, and TLS options that would have no effect.

    Raises:
        ValueError: says what to give, and quotes nothing of the URLs.
    """
    schemes = {part.scheme for part in parts}
    if schemes.isdisjoint(SENTINEL_SCHEMES):
        return
    if len(schemes) > 1:
        raise ValueError(
            "all of a list must begin alike: with sentinels:// for TLS, or with sentinel://"
        )
    parameters = {
        name for part in parts for name, _ in parse_qsl(part.query, keep_blank_values=True)
    }
    if schemes == {SENTINEL_SCHEME}:
        if parameters.intersection(TLS_OPTIONS):
            raise ValueError("sentinel:// is without TLS: write sentinels://, or leave ssl_… out")
    elif not parameters.issubset(TLS_OPTIONS):
        raise ValueError(f"sentinels:// takes no other options than {', '.join(TLS_OPTIONS)}")
