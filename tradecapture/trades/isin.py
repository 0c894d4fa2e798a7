"""The ISIN (ISO 6166): whether an id looks like one, and whether its check digit is valid."""

import re
from functools import lru_cache

_PATTERN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")


def has_isin_form(text: str) -> bool:
    """Return whether a text has the form of an ISIN: 2 letters, 9 letters or digits, 1 digit."""
    return _PATTERN.fullmatch(text) is not None


def check_digit(body: str) -> int:
    """Return the check digit of an ISIN's first eleven characters (ISO 6166: Luhn, base 36)."""
    digits = "".join(str(int(character, 36)) for character in body)
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if index % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return -total % 10


# Services trade thousands of securities, each again and again.
@lru_cache(maxsize=65_536)
def has_valid_check_digit(isin: str) -> bool:
    """Return whether the last digit of a text that looks like an ISIN is its check digit."""
    return check_digit(isin[:-1]) == int(isin[-1])
