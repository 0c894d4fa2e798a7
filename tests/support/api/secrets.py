"""Passwords that occur nowhere else, and the check that an output does not show them."""

from urllib.parse import quote

REDIS = "hunter2@redis/x"
BROKER = "hunter2:broker%"
LEDGER = "hunter2@ledger?"
PASSWORDS = (REDIS, BROKER, LEDGER)

# Each password as it is and as a URL encodes it, and the part that remains if a URL is cut.
FORBIDDEN_TEXTS = {*PASSWORDS, *map(quote, PASSWORDS), "hunter2"}


def encoded(password: str) -> str:
    """Return a password in the encoding of a URL."""
    return quote(password, safe="")


def assert_no_secret(where: str, text: str) -> None:
    """Check that a text shows no password and no part of one."""
    lines = [
        line for line in text.splitlines() if any(secret in line for secret in FORBIDDEN_TEXTS)
    ]
    assert lines == [], f"{where} shows a password: {lines[0][:300]}"
