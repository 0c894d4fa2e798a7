"""Server URLs: checked, shown without their secrets, and the TLS that they ask of Celery."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tradecapture.sentinel_url import SENTINEL_SCHEMES, check_sentinels

CLUSTER_SUFFIX = "+cluster"  # of the schemes of a Redis Cluster
CLUSTER_SCHEMES = (f"redis{CLUSTER_SUFFIX}", f"rediss{CLUSTER_SUFFIX}")
# Over TLS: rediss, sentinels, amqps.
REDIS_SCHEMES = ("redis", "rediss", "unix", *SENTINEL_SCHEMES, *CLUSTER_SCHEMES)
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", *SENTINEL_SCHEMES, "amqp", "amqps")

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
