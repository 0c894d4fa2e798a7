"""TDS, the protocol of SQL Server: packets, the login, tokens, values, session options."""
