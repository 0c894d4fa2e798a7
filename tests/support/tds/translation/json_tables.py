"""Translation of OPENJSON to PostgreSQL's JSON functions."""

import re

import sqlglot
from sqlglot import exp

from tests.support.tds.errors import RefusedError
from tests.support.tds.protocol.kinds import DEFAULT_COLLATION, TEXT_KINDS, kind_of
from tests.support.tds.protocol.tokens import SqlError

JSON_COLLATION = "Latin1_General_BIN2"  # of the values of an OPENJSON without WITH


def json_table(table: exp.Table) -> exp.Subquery:
    """Return the query for the rows of an OPENJSON."""
    source = table.this
    value = source.this.sql("tsql")
    alias = table.alias or "openjson"
    if not source.expressions:
        # The values have a collation of their own.
        inner = (
            "SELECT (e.ordinality - 1)::text AS key, "
            f'e.value COLLATE "{JSON_COLLATION.lower()}" AS value '
            f"FROM jsonb_array_elements_text(CAST(({value}) AS jsonb)) WITH ORDINALITY AS e"
        )
    else:
        columns = ", ".join(_json_column(column) for column in source.expressions)
        inner = (
            f"SELECT {columns} FROM jsonb_array_elements(CAST(({value}) AS jsonb)) "
            "WITH ORDINALITY AS e ORDER BY e.ordinality"
        )
    subquery = sqlglot.parse_one(f"SELECT * FROM ({inner}) AS x", read="postgres").find(
        exp.Subquery
    )
    assert subquery is not None
    subquery.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    for name in subquery.find_all(exp.Identifier):
        name.set("quoted", True)
    subquery.set("joins", table.args.get("joins"))
    return subquery


def _json_column(column: exp.OpenJSONColumnDef) -> str:
    path = column.args["path"].name if column.args.get("path") else f"$.{column.name}"
    if match := re.fullmatch(r"\$\[(\d+)\]", path):
        step = match[1]
    elif match := re.fullmatch(r"\$\.(\w+)", path):
        step = f"'{match[1]}'"
    else:
        raise RefusedError(SqlError(13607, f"JSON path is not properly formatted: {path}"))
    kind = kind_of(column.args["kind"]).sql("postgres")
    text = column.args["kind"].this in TEXT_KINDS
    collated = f' COLLATE "{DEFAULT_COLLATION.lower()}"' if text else ""
    return f'CAST((e.value ->> {step}) AS {kind}){collated} AS "{column.name}"'
