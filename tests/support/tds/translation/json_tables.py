"""JSON tables: OPENJSON, as PostgreSQL reads JSON."""

import re

import sqlglot
from sqlglot import exp

from tests.support.tds.errors import RefusedError
from tests.support.tds.protocol.kinds import DEFAULT_COLLATION, TEXT_KINDS, kind_of
from tests.support.tds.protocol.tokens import SqlError

JSON_COLLATION = "Latin1_General_BIN2"  # of what OPENJSON without WITH returns


def json_table(table: exp.Table) -> exp.Subquery:
    """Return the query that gives the rows of an OPENJSON."""
    source = table.this
    value = source.this.sql("tsql")
    alias = table.alias or "openjson"
    if not source.expressions:
        # A value is text of a collation of its own.
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
    if found := re.fullmatch(r"\$\[(\d+)\]", path):
        step = found[1]
    elif found := re.fullmatch(r"\$\.(\w+)", path):
        step = f"'{found[1]}'"
    else:
        raise RefusedError(SqlError(13607, f"JSON path is not properly formatted: {path}"))
    kind = kind_of(column.args["kind"]).sql("postgres")
    text = column.args["kind"].this in TEXT_KINDS
    collated = f' COLLATE "{DEFAULT_COLLATION.lower()}"' if text else ""
    return f'CAST((e.value ->> {step}) AS {kind}){collated} AS "{column.name}"'
