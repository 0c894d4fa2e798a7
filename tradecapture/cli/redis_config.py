"""One setting of a Redis server's configuration, as far as it lets us read it."""

from typing import cast

from redis import Redis
from redis.exceptions import ResponseError


def read_config(redis: "Redis", name: str) -> str | None:
    """Return a setting; None: this server has none of the name, or does not let us read it.

    Raises:
        RedisError: it does not answer.
    """
    try:
        return cast(dict[str, str], redis.config_get(name)).get(name)
    except ResponseError:
        return None
