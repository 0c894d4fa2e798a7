"""Server URLs: checked, shown without their secrets, and the TLS that they ask of Celery."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SENTINEL_SCHEME = "sentinel"  # the only scheme that Celery knows
SENTINEL_SCHEMES = (
    SENTINEL_SCHEME,
    "sentinels",
)  # sentinels: over TLS, to them and to the servers they name
SENTINEL_PORT = 26379  # the default of a sentinel
# Those of rediss://, in redis-py's words.
TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")


@dataclass(frozen=True, slots=True)
class SentinelAccess:
    """What sentinels are asked for, and as whom: a login of their own, not that of the servers."""

    master: str = "mymaster"
    username: str = ""  # of sentinels with ACLs; empty: the default user
    password: str = field(default="", repr=False)  # empty: they are asked without one


class SentinelUrl(NamedTuple):
    """What a list of sentinel URLs says: whom to ask, and how to log into the master then."""

    sentinels: tuple[tuple[str, int], ...]  # host and port
    username: str | None
    password: str | None  # of the master and its replicas; for sentinels see SentinelAccess
    database: int


def is_sentinel(url: str) -> bool:
    """Return whether a URL names sentinels."""
    return url.partition("://")[0] in SENTINEL_SCHEMES


def read_sentinel_url(url: str) -> SentinelUrl:
    """Read `sentinel://[user:password@]host:port;sentinel://host:port;...[/database]`.

    User, password and database may stand in any one of the URLs, and hold for all; TLS options
    too, see `server_url.tls_options`.
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
    """Return a broker's URL as Celery needs it; it is told of TLS by `server_url.tls_options`.

    Celery goes to the next URL of a list when one fails, and then forgets what stood only in the
    one before: in a list of sentinels each gets the same user, password and database.
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


def check_sentinels(parts: Sequence[SplitResult]) -> None:
    """Refuse a list in which TLS would hold for some, or be asked for in vain.

    Raises:
        ValueError: says what to give, and quotes nothing.
    """
    schemes = {part.scheme for part in parts}
    if schemes.isdisjoint(SENTINEL_SCHEMES):
        return
    if len(schemes) > 1:
        raise ValueError(
            "all of a list must begin alike: with sentinels:// for TLS, or with sentinel://"
        )
    named = {name for part in parts for name, _ in parse_qsl(part.query, keep_blank_values=True)}
    if schemes == {SENTINEL_SCHEME}:
        if named.intersection(TLS_OPTIONS):
            raise ValueError("sentinel:// is without TLS: write sentinels://, or leave ssl_… out")
    elif not named.issubset(TLS_OPTIONS):
        raise ValueError(f"sentinels:// takes no other options than {', '.join(TLS_OPTIONS)}")


CLUSTER_SUFFIX = "+cluster"  # of the schemes of a Redis Cluster
CLUSTER_SCHEMES = (f"redis{CLUSTER_SUFFIX}", f"rediss{CLUSTER_SUFFIX}")
AMQP_SCHEMES = ("amqp", "amqps")
# Over TLS: rediss, sentinels, amqps.
REDIS_SCHEMES = ("redis", "rediss", "unix", *SENTINEL_SCHEMES, *CLUSTER_SCHEMES)
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", *SENTINEL_SCHEMES, *AMQP_SCHEMES)

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


def is_amqp(url: str) -> bool:
    """Return whether a URL names RabbitMQ, or another broker that speaks AMQP 0.9.1."""
    return url.partition("://")[0] in AMQP_SCHEMES


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
            parts.scheme in ("redis", "rediss", *SENTINEL_SCHEMES) and not _DATABASE(parts.path)
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
    check_sentinels([urlsplit(url) for url in text.split(";")])


def tls_options(url: str) -> dict[str, Any] | None:
    """Return how TLS is spoken, as Celery's `broker_use_ssl` and redis-py take it; None: it is not.

    The certificate is checked, and that it names the host, unless the URL says otherwise; kombu
    alone would check none. The options of rediss:// and sentinels:// are redis-py's, see
    `sentinel_url.TLS_OPTIONS`; in a list they may stand in any one of the URLs.
    """
    parts = [urlsplit(one) for one in url.split(";")]
    if parts[0].scheme == "amqps":
        return {"server_hostname": None}  # kombu puts the URL's host there, and it is checked
    if parts[0].scheme not in ("rediss", "sentinels"):
        return None
    named = [pair for part in parts for pair in parse_qsl(part.query)]
    given = {name: value for name, value in named if name.startswith("ssl_")}
    check = given.pop("ssl_check_hostname", "true").lower() not in ("false", "0", "no")
    return {"ssl_cert_reqs": "required", **given, "ssl_check_hostname": check}
