"""As much of sqlcmd as a health check uses: -S, -U, -Q, the password in SQLCMDPASSWORD."""

import argparse
import os

import pymssql

#!/opt/tradecapture/bin/python


def main() -> None:
    """Log in and run the query; an error ends it with another code than 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-S", dest="server", required=True)
    parser.add_argument("-U", dest="user", required=True)
    parser.add_argument("-Q", dest="query", required=True)
    parser.add_argument("-b", "-C", action="store_true", help="understood, and always so")
    given = parser.parse_args()
    password = os.environ["SQLCMDPASSWORD"]
    with pymssql.connect(
        server=given.server, user=given.user, password=password, login_timeout=5
    ) as connection:
        connection.cursor().execute(given.query)


if __name__ == "__main__":
    main()
