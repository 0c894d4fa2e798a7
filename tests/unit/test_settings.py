"""Settings: every invalid variable is named at once, no password is shown, each is documented."""

import dataclasses
from pathlib import Path

import pytest

from tradecapture.connections.urls import without_password
from tradecapture.settings import Settings, SettingsError, variable_of

NUMBERS = [setting for setting in dataclasses.fields(Settings) if "low" in setting.metadata]


def test_without_variables_the_defaults_hold() -> None:
    """An empty environment, or an empty variable, gives the defaults."""
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"TRADECAPTURE_LANES": "  "}) == Settings()


def test_each_variable_is_read() -> None:
    """Numbers become numbers; other programs' variables are left alone."""
    settings = Settings.from_environment(
        {
            "TRADECAPTURE_REDIS_URL": "redis://other:6380/1",
            "TRADECAPTURE_LANES": " 4 ",
            "TRADECAPTURE_LEASE_SECONDS": "2.5",
            "LANES": "99",
        }
    )
    assert settings == Settings(redis_url="redis://other:6380/1", lanes=4, lease_seconds=2.5)


def test_all_bad_variables_are_named_at_once() -> None:
    """The message says for each variable what to give instead."""
    bad = {"TRADECAPTURE_LANES": "0", "TRADECAPTURE_REDIS_URL": "here"}
    bad["TRADECAPTURE_LEASE_SECONDS"] = "soon"
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(bad)
    message = str(refused.value)
    assert "TRADECAPTURE_LANES='0': give a whole number from 1 to 256" in message
    assert "TRADECAPTURE_LEASE_SECONDS='soon': give a number from 0.5 to 300" in message
    assert "TRADECAPTURE_REDIS_URL=(not shown): give a URL, such as redis://" in message


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("text", ["", "-1", "1e99", "nan", "inf", "one", "0x10"])
def test_a_number_out_of_range_is_refused(setting: "dataclasses.Field[object]", text: str) -> None:
    """A text that is no number is refused too; an empty text gives the default."""
    environment = {variable_of(setting): text}
    if not text:
        assert Settings.from_environment(environment) == Settings()
        return
    with pytest.raises(SettingsError, match=variable_of(setting)):
        Settings.from_environment(environment)


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_the_limits_themselves_are_allowed(setting: "dataclasses.Field[object]") -> None:
    """The lowest and the highest number that the message names are valid."""
    for limit in (setting.metadata["low"], setting.metadata["high"]):
        settings = Settings.from_environment({variable_of(setting): str(limit)})
        assert getattr(settings, setting.name) == limit


def test_each_setting_says_why_it_is_there() -> None:
    """Its description becomes its line in the reference."""
    assert all(setting.metadata["description"] for setting in dataclasses.fields(Settings))


def test_a_password_is_never_shown() -> None:
    """It appears neither in repr, nor in an error, nor in a URL made for display."""
    url = "postgresql://desk:s3cret@db/ledger"
    assert "s3cret" not in repr(Settings(database_url=url))
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"TRADECAPTURE_DATABASE_URL": "desk:s3cret@db"})
    assert "s3cret" not in str(refused.value)
    assert without_password(url) == "postgresql://desk:***@db/ledger"
    assert without_password("sqlite:///tradecapture.db") == "sqlite:///tradecapture.db"


def test_the_bells_use_the_inboxes_redis_unless_told_otherwise() -> None:
    """If no broker is set, Celery uses the Redis of the inboxes."""
    assert Settings(redis_url="redis://one/0").broker == "redis://one/0"
    assert Settings(redis_url="redis://one/0", broker_url="amqp://two").broker == "amqp://two"


def test_each_setting_is_in_the_reference() -> None:
    """docs/reference/settings.md has a line for every variable, with the setting's description."""
    reference = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
    lines = reference.read_text(encoding="utf-8").splitlines()
    for setting in dataclasses.fields(Settings):
        (line,) = [one for one in lines if one.startswith(f"| `{variable_of(setting)}` |")]
        assert line.endswith(f"| {setting.metadata['description']} |")


CLUSTER = "redis+cluster://user:secret@one:7000;redis+cluster://two:7001"


def test_inboxes_on_a_cluster_need_a_broker_of_their_own() -> None:
    """Celery cannot use a cluster: the error names the variable and shows no password."""
    environment = {"TRADECAPTURE_REDIS_URL": CLUSTER}
    with pytest.raises(SettingsError, match="TRADECAPTURE_BROKER_URL is empty") as refused:
        Settings.from_environment(environment)
    assert "secret" not in str(refused.value)
    settings = Settings.from_environment({**environment, "TRADECAPTURE_BROKER_URL": "redis://b/0"})
    assert (settings.redis_url, settings.broker) == (CLUSTER, "redis://b/0")
    with pytest.raises(SettingsError, match="TRADECAPTURE_BROKER_URL"):
        Settings.from_environment({**environment, "TRADECAPTURE_BROKER_URL": CLUSTER})


@pytest.mark.parametrize("path", ["/1", "/16384", "/x"])
def test_a_cluster_has_no_database_numbers(path: str) -> None:
    """Database 0 may be given, because some consoles show it; another one is refused."""
    broker = {"TRADECAPTURE_BROKER_URL": "redis://b/0"}
    for scheme in ("redis+cluster", "rediss+cluster"):
        url = f"{scheme}://one:7000"
        for right in (url, f"{url}/", f"{url}/0", f"{url}/0;{url}?ssl_ca_certs=/ca.pem"):
            Settings.from_environment({**broker, "TRADECAPTURE_REDIS_URL": right})
        with pytest.raises(SettingsError, match="has no databases"):
            Settings.from_environment({**broker, "TRADECAPTURE_REDIS_URL": f"{url};{url}{path}"})
