"""Connections of pymssql itself, without SQLAlchemy, to a ledger on SQL Server's stand-in."""

from typing import Any

import pymssql
from sqlalchemy import make_url

from tests.support.tds import TdsServer
from tradecapture.ledger.dialects.mssql import MssqlDialect
from tradecapture.settings import Settings

DATABASE = "tradecapture_tds"
CONNECTION_PROPERTIES = MssqlDialect(Settings().lease_seconds).connection_properties


def settings_of(server: TdsServer) -> Settings:
    """Return settings that name the stand-in, as the ledger and as its read replica."""
    url = server.url_of(DATABASE)
    return Settings(database_url=url, replica_url=url, connect_seconds=10)


def connect(server: TdsServer, properties: str = CONNECTION_PROPERTIES, **changes: Any) -> Any:
    """Return a connection of the driver itself."""
    url = make_url(server.url_of(DATABASE))
    arguments = {
        "server": url.host,
        "port": str(url.port),
        "user": url.username,
        "password": url.password,
        "database": url.database,
        "login_timeout": 10,
        "conn_properties": properties,
        **changes,
    }
    return pymssql.connect(**arguments)
