"""Logins: what the driver says of itself in the packet that opens a connection."""

import pymssql
import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.ledger.sql_server_driver import DATABASE, connect, settings_of
from tests.support.tds import TdsServer
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.queries.replica import make_replica_reader
from tradecapture.ledger.queries.trade_filter import TradeFilter
from tradecapture.settings import Settings


@pytest.mark.parametrize("read_only", [False, True])
def test_read_only_intent_stands_in_the_login(server: TdsServer, *, read_only: bool) -> None:
    """ApplicationIntent=ReadOnly, by which a listener sends the connection to a replica."""
    with open_engine(settings_of(server), replica=read_only) as (engine, dialect):
        LedgerReader(engine, dialect).ping()
    assert [login.read_only for login in server.logins] == [read_only]


def test_only_what_a_replica_may_answer_is_asked_with_read_only_intent(server: TdsServer) -> None:
    """A search and a lookup; what the replica does not have is asked of the ledger itself."""
    readers = make_replica_reader(settings_of(server), pool_size=1)
    readers.may_be_stale(lambda ledger: ledger.search(TradeFilter(), None, 10))
    assert [login.read_only for login in server.logins] == [True]
    assert readers.trade("nobody") is None
    readers.close()
    assert [login.read_only for login in server.logins] == [True, False]


def test_the_login_names_user_password_and_database(server: TdsServer) -> None:
    """As the URL gives them."""
    connect(server).close()
    (login,) = server.logins
    assert (login.user, login.password, login.database) == ("sa", "x", DATABASE)


def test_a_wrong_password_and_a_missing_database_are_no_trades_fault(server: TdsServer) -> None:
    """Errors 18456 and 4060, in the shape of connect: the claim is given back."""
    for url in (server.url.replace(":x@", ":y@"), server.url_of("nowhere")):
        with open_engine(Settings(database_url=url, connect_seconds=10)) as (engine, dialect):
            with pytest.raises(DBAPIError) as refused:
                engine.connect()
            assert isinstance(refused.value.orig, pymssql.OperationalError)
            assert dialect.is_transient(refused.value)
