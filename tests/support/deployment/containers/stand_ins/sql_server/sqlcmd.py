#!/opt/tradecapture/bin/python
"""The part of sqlcmd that a health check uses: -S, -U, -Q, and SQLCMDPASSWORD."""

import argparse
import os

import pymssql


def main() -> None:
    """Log in and run the query; an error ends the process with an exit code other than 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-S", dest="server", required=True)
    parser.add_argument("-U", dest="user", required=True)
    parser.add_argument("-Q", dest="query", required=True)
    parser.add_argument("-b", "-C", action="store_true", help="accepted; always in effect")
    arguments = parser.parse_args()
    password = os.environ["SQLCMDPASSWORD"]
    with pymssql.connect(
        server=arguments.server, user=arguments.user, password=password, login_timeout=5
    ) as connection:
        connection.cursor().execute(arguments.query)


if __name__ == "__main__":
    main()
