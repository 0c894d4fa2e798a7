"""Sentinel URLs: Celery's own form, read the same for inboxes and broker."""

import pytest
from kombu.connection import Connection

from tradecapture.inbox import connect_inboxes
from tradecapture.server_url import SentinelUrl, for_celery, read_sentinel_url, without_password
from tradecapture.settings import Settings, SettingsError

THREE = "sentinel://desk:p%40ss@h1:26379;sentinel://h2:26380;sentinel://h3/2"


def test_a_list_of_sentinels_is_read() -> None:
    """User, password and database hold for all, in whichever they stand."""
    assert read_sentinel_url(THREE) == SentinelUrl(
        (("h1", 26379), ("h2", 26380), ("h3", 26379)), "desk", "p@ss", 2
    )
    alone = read_sentinel_url("sentinel://h1:26379")
    assert alone == SentinelUrl((("h1", 26379),), None, None, 0)


def test_celery_keeps_the_login_whichever_sentinel_it_goes_to() -> None:
    """Kombu forgets what stood only in the URL before, so each has all."""
    url = Settings(redis_url=THREE).broker
    assert url == ";".join(
        f"sentinel://desk:p%40ss@{host}/2" for host in ("h1:26379", "h2:26380", "h3")
    )
    connection = Connection(url)
    for alternate in connection.alt:
        connection.switch(alternate)
        told = (connection.userid, connection.password, connection.virtual_host)
        assert told == ("desk", "p@ss", "2")
    assert for_celery("redis://h1/0;redis://h2/0") == "redis://h1/0;redis://h2/0"
    assert "ss@" not in without_password(url).replace("***@", "")


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:pa/ss@h1:26379",
        "sentinel://h1:26379;redis://h2/x",
        "sentinel://h1:26379?password=hunter2",
        "sentinel://h1:26379;h2:26379",
    ],
)
def test_a_list_that_cannot_be_read_is_refused(url: str) -> None:
    """At the edge, by the name of its variable, and nothing of it is quoted."""
    with pytest.raises(SettingsError, match="TRADECAPTURE_REDIS_URL") as refused:
        Settings.from_environment({"TRADECAPTURE_REDIS_URL": url})
    assert "hunter2" not in str(refused.value)
    assert "ss@" not in str(refused.value)


def test_the_masters_name_is_a_setting() -> None:
    """The pool asks for it, with the login of the URL."""
    environment = {
        "TRADECAPTURE_REDIS_URL": THREE,
        "TRADECAPTURE_SENTINEL_MASTER": "desk-master",
        "TRADECAPTURE_SAFE_REPLICAS": "1",
    }
    settings = Settings.from_environment(environment)
    assert settings.safe_replicas == 1
    with connect_inboxes(settings) as redis:
        pool = redis.connection_pool
        assert pool.service_name == "desk-master"
        assert (pool.connection_kwargs["password"], pool.connection_kwargs["db"]) == ("p@ss", 2)
