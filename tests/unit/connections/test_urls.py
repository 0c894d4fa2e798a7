"""The URLs of sentinels: what the inboxes read, and what Celery is given."""

import pytest
from kombu.connection import Connection
from redis import SSLConnection

from tradecapture.connections.urls import (
    SentinelUrl,
    celery_url,
    read_sentinel_url,
    tls_options,
    without_password,
)
from tradecapture.inbox import connect_inboxes
from tradecapture.settings import Settings, SettingsError

THREE = "sentinel://desk:p%40ss@h1:26379;sentinel://h2:26380;sentinel://h3/2"
THREE_OVER_TLS = "sentinels://desk:p%40ss@h1:26379;sentinels://h2:26380;sentinels://h3/2"


def test_a_list_of_sentinels_is_read() -> None:
    """The user, the password and the database apply to all, whichever URL has them."""
    assert read_sentinel_url(THREE) == SentinelUrl(
        (("h1", 26379), ("h2", 26380), ("h3", 26379)), "desk", "p@ss", 2
    )
    alone = read_sentinel_url("sentinel://h1:26379")
    assert alone == SentinelUrl((("h1", 26379),), None, None, 0)


def test_celery_keeps_the_login_whichever_sentinel_it_goes_to() -> None:
    """Kombu forgets the login of the URL before, so each URL has it."""
    url = celery_url(Settings(redis_url=THREE).broker)
    assert url == ";".join(
        f"sentinel://desk:p%40ss@{host}/2" for host in ("h1:26379", "h2:26380", "h3")
    )
    connection = Connection(url)
    for alternate in connection.alt:
        connection.switch(alternate)
        login = (connection.userid, connection.password, connection.virtual_host)
        assert login == ("desk", "p@ss", "2")
    assert celery_url("redis://h1/0;redis://h2/0") == "redis://h1/0;redis://h2/0"
    assert "ss@" not in without_password(url).replace("***@", "")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_sentinels_over_tls_are_read_alike(index: int) -> None:
    """Any one URL may have the options. Celery gets them beside a URL with its own scheme."""
    urls = THREE_OVER_TLS.split(";")
    urls[index] += "?ssl_ca_certs=/ca%20s.pem&ssl_check_hostname=false"
    url = ";".join(urls)
    assert read_sentinel_url(url) == read_sentinel_url(THREE)
    assert celery_url(url) == celery_url(THREE)
    settings = Settings.from_environment({"TRADECAPTURE_REDIS_URL": url})
    assert tls_options(settings.broker) == {
        "ssl_ca_certs": "/ca s.pem",
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": False,
    }
    with connect_inboxes(settings) as redis:
        pools = [one.connection_pool for one in redis.connection_pool.sentinel_manager.sentinels]
        for pool in (redis.connection_pool, *pools):
            assert issubclass(pool.connection_class, SSLConnection)
            assert pool.connection_kwargs["ssl_ca_certs"] == "/ca s.pem"
            assert pool.connection_kwargs["ssl_check_hostname"] is False


def test_certificates_are_checked_unless_told_otherwise() -> None:
    """The certificate and its host name are checked. Without TLS there are no options."""
    checked = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert tls_options(THREE_OVER_TLS) == checked
    assert tls_options(THREE) is None


def test_sentinels_are_asked_as_the_settings_say() -> None:
    """The sentinels get their own login, and never that of the servers."""
    for username, password, sent in (
        ("", "", None),
        ("", "s3cret", ("s3cret",)),
        ("asker", "s3cret", ("asker", "s3cret")),
    ):
        settings = Settings.from_environment(
            {
                "TRADECAPTURE_REDIS_URL": THREE,
                "TRADECAPTURE_SENTINEL_USERNAME": username,
                "TRADECAPTURE_SENTINEL_PASSWORD": password,
            }
        )
        assert "s3cret" not in repr(settings) + repr(settings.sentinels)
        with connect_inboxes(settings) as redis:
            for sentinel in redis.connection_pool.sentinel_manager.sentinels:
                options = sentinel.connection_pool.connection_kwargs
                assert options.get("password") is None
                login = options.get("credential_provider")
                assert (login.get_credentials() if login else None) == sent
                assert "s3cret" not in f"{login} {sentinel!r} {sentinel.connection_pool!r}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sentinels://h1;sentinel://h2", "begin alike"),
        ("sentinel://h1;redis://h2", "begin alike"),
        ("sentinel://h1?ssl_ca_certs=ca.pem", "without TLS: write sentinels://"),
        ("sentinels://h1?ssl_ca_cert=ca.pem", "no other options"),
        ("sentinels://h1;sentinels://h2?socket_timeout=1", "no other options"),
        ("sentinels://h1?ssl_password=hunter2", "no parameter may carry a password"),
    ],
)
@pytest.mark.parametrize("name", ["TRADECAPTURE_REDIS_URL", "TRADECAPTURE_BROKER_URL"])
def test_tls_that_would_not_hold_for_all_is_refused(name: str, url: str, why: str) -> None:
    """A list with TLS for some only, and an option without effect, are refused."""
    with pytest.raises(SettingsError, match=why) as refused:
        Settings.from_environment({name: url})
    assert name in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://:pa/ss@h1:26379",
        "sentinel://h1:26379;redis://h2/x",
        "sentinel://h1:26379?password=hunter2",
        "sentinel://h1:26379;h2:26379",
        "sentinels://:pa/ss@h1:26379",
    ],
)
def test_a_list_that_cannot_be_read_is_refused(url: str) -> None:
    """The error names the variable, and quotes nothing of the URL."""
    with pytest.raises(SettingsError, match="TRADECAPTURE_REDIS_URL") as refused:
        Settings.from_environment({"TRADECAPTURE_REDIS_URL": url})
    assert "hunter2" not in str(refused.value)
    assert "ss@" not in str(refused.value)


def test_the_masters_name_is_a_setting() -> None:
    """The pool asks the sentinels for this name, and logs into the master as the URL says."""
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
