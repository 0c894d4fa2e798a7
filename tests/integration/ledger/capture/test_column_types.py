"""Column types: what goes in comes out the same on every database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from tests.support.builders.strategies import exact_values, texts
from tradecapture.ledger import Ledger
from tradecapture.ledger.schema.column_types import LONG_TEXT, ExactDecimal, UtcTimestamp, key

table = Table(
    "type_samples",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", ExactDecimal),
    Column("moment", UtcTimestamp),
    Column("text", LONG_TEXT),
    Column("name", key(100)),
)

moments = st.datetimes(
    datetime(1970, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.just(UTC),
)


@pytest.fixture
def samples(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger with a table of one column of each type."""
    table.create(ledger.engine)
    yield ledger
    table.drop(ledger.engine)


def stored(ledger: Ledger, column: str, value: object) -> object:
    """Write a value and read it back."""
    with ledger.engine.begin() as connection:
        connection.execute(table.delete())
        connection.execute(insert(table), {"id": 1, column: value})
        return connection.execute(select(table.c[column])).scalar_one()


@given(exact_values)
@example(Decimal("1E+19"))
@example(Decimal("-0.00000001"))
@example(Decimal("99999999999999999999.99999999"))
def test_a_decimal_is_exact(samples: Ledger, value: Decimal) -> None:
    """28 digits, 8 of them decimals; never a binary float."""
    read = stored(samples, "number", value)
    assert isinstance(read, Decimal)
    assert read == value


@given(moments)
@example(datetime(2026, 1, 15, 9, 30, 0, 999999, UTC))
def test_a_moment_keeps_its_microseconds(samples: Ledger, value: datetime) -> None:
    """And comes back in UTC."""
    read = stored(samples, "moment", value)
    assert isinstance(read, datetime)
    assert (read, read.tzinfo) == (value, UTC)


def test_a_moment_of_another_zone_is_the_same_moment(samples: Ledger) -> None:
    """Half past nine in New York is not half past nine in London."""
    new_york = timezone(timedelta(hours=-5))
    value = datetime(2026, 1, 15, 9, 30, tzinfo=new_york)
    assert stored(samples, "moment", value) == datetime(2026, 1, 15, 14, 30, tzinfo=UTC)


@given(texts)
def test_text_of_any_alphabet_is_kept(samples: Ledger, value: str) -> None:
    """Emoji, quotes and white space, but no NUL, which PostgreSQL has no way to store."""
    value = value.replace("\0", "")
    assert stored(samples, "text", value) == value


@pytest.mark.parametrize("column", ["number", "moment", "text"])
def test_nothing_is_nothing(samples: Ledger, column: str) -> None:
    """NULL comes back as None."""
    assert stored(samples, column, None) is None


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("e", "é"), ("ss", "ß"), ("a", "\uff41")])
def test_keys_are_compared_exactly(samples: Ledger, one: str, other: str) -> None:
    """Neither case nor accents nor widths are ignored."""
    with samples.engine.begin() as connection:
        connection.execute(insert(table), [{"id": 1, "name": one}, {"id": 2, "name": other}])
        found = connection.execute(select(table.c.id).where(table.c.name == one))
        assert [row.id for row in found] == [1]
