"""ISINs: real ones are right, mistyped ones are wrong, other ids are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecapture.trades.isin import check_digit, has_isin_form, has_valid_check_digit

# Published by their issuers: Apple, Alphabet A, Microsoft, Vodafone, BMW, SAP, LVMH, TotalEnergies,
# Nestle, Roche, Toyota, Sony, Volvo B, BHP, Treasury Corporation of Victoria (the ISO's example).
REAL = (
    "US0378331005",
    "US02079K3059",
    "US5949181045",
    "GB00BH4HKS39",
    "DE0005190003",
    "DE0007164600",
    "FR0000121014",
    "FR0000120271",
    "CH0038863350",
    "CH0012032048",
    "JP3633400001",
    "JP3435000009",
    "SE0000115446",
    "AU000000BHP4",
    "AU0000XVGZA3",
)


@pytest.mark.parametrize("isin", REAL)
def test_a_real_isin_has_the_right_check_digit(isin: str) -> None:
    """What the exchanges list is right."""
    assert has_isin_form(isin)
    assert has_valid_check_digit(isin)


@given(st.sampled_from(REAL), st.integers(1, 9))
def test_another_last_digit_is_wrong(isin: str, more: int) -> None:
    """Of the ten last digits only one is right."""
    assert not has_valid_check_digit(f"{isin[:-1]}{(int(isin[-1]) + more) % 10}")


@given(st.from_regex(r"[A-Z]{2}[A-Z0-9]{9}", fullmatch=True), st.integers(0, 10), st.data())
def test_one_mistyped_digit_is_found(body: str, place: int, data: st.DataObject) -> None:
    """Replacing one digit by another changes the check digit (Luhn's promise)."""
    digits = [index for index, character in enumerate(body) if character.isdigit()]
    if not digits:
        return
    at = digits[place % len(digits)]
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != body[at]]))
    assert check_digit(body[:at] + other + body[at + 1 :]) != check_digit(body)


@pytest.mark.parametrize(
    "text",
    ["", "AAPL", "us0378331005", "US037833100", "US03783310055", "US037833100X", "ÜS0378331005"],
)
def test_other_ids_do_not_look_like_an_isin(text: str) -> None:
    """Only the exact shape of an ISIN is checked; tickers and house ids pass untouched."""
    assert not has_isin_form(text)
