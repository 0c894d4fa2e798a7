"""Secrets of a test: passwords that are unlike anything else, and where they must not be seen."""

from urllib.parse import quote

REDIS = "hunter2@redis/x"
BROKER = "hunter2:broker%"
LEDGER = "hunter2@ledger?"
PASSWORDS = (REDIS, BROKER, LEDGER)

# As they are, as they stand in a URL, and what is left of each where an address is cut in pieces.
SHOWN = {*PASSWORDS, *map(quote, PASSWORDS), "hunter2"}


def encoded(password: str) -> str:
    """Return a password as it is written in a URL."""
    return quote(password, safe="")


def assert_no_secret(where: str, text: str) -> None:
    """Check that a text shows no password, nor a part of one."""
    lines = [line for line in text.splitlines() if any(secret in line for secret in SHOWN)]
    assert lines == [], f"{where} shows a password: {lines[0][:300]}"
