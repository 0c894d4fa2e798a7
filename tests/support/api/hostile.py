"""Ids that an attacker or an accident may send, and the keys that an accepted one may create."""

from collections.abc import Mapping

from hypothesis import strategies as st
from redis import Redis

from tests.support.builders import trade
from tradecapture.trades.partition import lane_of

ID_FIELDS = {  # field on the wire -> max UTF-16 units; from the HTTP contract
    "tradeId": 100,
    "accountId": 50,
    "bookId": 50,
    "securityId": 50,
    "idempotencyKey": 100,
}

HOSTILE_IDS = [
    *("", " ", " A", "A ", "\t", "\n", "A\nB", "A\r\nSET x 1\r\n", "\0", "A\0B", "\x1b[2J", "\x7f"),
    *("{0}", "{", "}", "}:due", "*", "?", "[a-z]", ":", "tc:{0}:due", "inbox:A", "a:b:c", "~", "_"),
    *("../../etc/passwd", "/", "\\", "'", '"', "';DROP TABLE trades;--", "%00", "%s", "$(id)"),
    *("\u202eA", "A\u200f", "\u200b", "\ufeffA", "A\u00a0", "\u2028", "\u0085", "e\u0301", "ﬁ"),
    *("\U0001f4a5", "\U0010ffff", "\U000e0041", "\ud800", "\udfff", "A\ud83d", "-", "--json"),
    *("A" * 50, "A" * 51, "A" * 100, "A" * 101, "\U0001f4a5" * 50, "A" * 100_000),
]  # fmt: skip

_CHARACTERS = st.sampled_from("\n\r\t\0 {}*:?[]~_/\\.%'\"\u202e\u200f\u00a0\U0001f4a5\ud800") | (
    st.characters()
)
hostile_ids = st.sampled_from(HOSTILE_IDS) | st.text(_CHARACTERS, max_size=110)


def is_valid_id(field: str, text: str) -> bool:
    """Return whether the HTTP contract allows a text as an id; independent of the product."""
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return 0 < units <= ID_FIELDS[field] and text.isprintable() and text == text.strip()


def expected_keys(document: Mapping[str, str], lanes: int) -> set[bytes]:
    """Return the keys that the first accepted trade may create, as the design document says."""
    trade_id = document["tradeId"]
    partition = "_".join(
        document[name].replace("~", "~0").replace("_", "~1")
        for name in ("accountId", "bookId", "securityId")
    )
    lane = f"tc:{{{lane_of(partition, lanes)}}}:"
    names = [lane + name for name in ("due", "positions", "epoch", "bell", "backlog")]
    names += [f"{lane}inbox:{partition}", f"{lane}seen:{trade_id}", "tc:lanes"]
    names += [f"tc:{{{lane_of(trade_id, lanes)}}}:identity:{trade_id}"]
    return {name.encode() for name in names}


def keys(redis: "Redis") -> set[bytes]:
    """Return every key except those of Celery's queues."""
    every_key: list[bytes] = redis.keys()  # type: ignore[assignment]
    return {key for key in every_key if not key.startswith((b"trades.", b"_kombu.", b"unacked"))}


def with_id(field: str, text: str) -> dict[str, str]:
    """Return a trade that is valid, except possibly for the given id."""
    return trade(**{field: text})
