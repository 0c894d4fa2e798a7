"""Sentinel URLs, sentinel:// and over TLS sentinels://: lists of sentinels, read and checked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PLAIN = "sentinel"  # the only scheme that Celery knows
SENTINEL_SCHEMES = (PLAIN, "sentinels")  # sentinels: over TLS, to them and to the servers they name
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


def for_celery(broker_url: str) -> str:
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
        f"{PLAIN}://{login and login + '@'}{part.netloc.rpartition('@')[2]}/{database}"
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
    if schemes == {PLAIN}:
        if named.intersection(TLS_OPTIONS):
            raise ValueError("sentinel:// is without TLS: write sentinels://, or leave ssl_… out")
    elif not named.issubset(TLS_OPTIONS):
        raise ValueError(f"sentinels:// takes no other options than {', '.join(TLS_OPTIONS)}")
