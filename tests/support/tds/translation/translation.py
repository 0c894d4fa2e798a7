"""Translation of a T-SQL statement to PostgreSQL, by sqlglot and with what sqlglot lacks."""

import re
from functools import lru_cache
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tests.support.tds.errors import RefusedError
from tests.support.tds.protocol.kinds import collation, kind_of
from tests.support.tds.protocol.tokens import SqlError
from tests.support.tds.translation.definitions import define_columns
from tests.support.tds.translation.json_tables import json_table
from tests.support.tds.translation.literals import quoted
from tests.support.tds.translation.refusals import refusal

# HOLDLOCK is known only beside TABLOCKX, whose lock it keeps until the transaction ends.
_HINTS = frozenset(
    {"UPDLOCK", "ROWLOCK", "NOLOCK", "READCOMMITTED", "READPAST", "XLOCK", "TABLOCKX", "HOLDLOCK"}
)
_MARK = "\x02"  # around the name of a parameter in translated text; no statement contains it
_MARKED = re.compile(f'"?{_MARK}(\\w+){_MARK}"?')
_SERVER_VARIABLES = {
    "version": "dbo.server_version()",
    "max_connections": "32767",
    # PostgreSQL waits forever at 0, SQL Server at -1.
    "lock_timeout": "COALESCE(NULLIF((SELECT CAST(setting AS int) FROM pg_settings "
    "WHERE name = 'lock_timeout'), 0), -1)",
    "trancount": "CAST(current_setting('tds.trancount') AS int)",
    "spid": "pg_backend_pid()",
    "rowcount": "0",
    "servername": "'STANDIN'",
}


class Translated(NamedTuple):
    """A statement for PostgreSQL."""

    kind: str  # select, insert, update, delete, create, alter, drop
    sql: str
    labels: tuple[str, ...] = ()  # the names of the columns as SQL Server would send them
    locked: tuple[str, ...] = ()  # tables to lock before it

    def with_parameters(self, parameters: dict[str, str | None]) -> str:
        """Return the statement with its parameters as literals.

        Raises:
            RefusedError: a parameter was never declared.
        """

        def literal(match: re.Match[str]) -> str:
            name = match[1].lower()
            if name not in parameters:
                text = f'Must declare the scalar variable "@{name}".'
                raise RefusedError(SqlError(137, text, 15))
            value = parameters[name]
            return "NULL" if value is None else quoted(value)

        return _MARKED.sub(literal, self.sql)


@lru_cache(maxsize=2048)
def translate(text: str) -> Translated:
    """Return a statement for PostgreSQL; its literals are parameters.

    Raises:
        RefusedError: SQL Server would refuse it, or the stand-in cannot translate it.
    """
    try:
        trees = sqlglot.parse(text, read="tsql", error_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise RefusedError(SqlError(102, f"Incorrect syntax: {error}", 15)) from error
    if len(trees) != 1 or trees[0] is None or isinstance(trees[0], exp.Command):
        raise RefusedError(SqlError(102, f"The stand-in does not know: {text[:200]}", 15))
    tree = trees[0]
    if refused := refusal(text, tree):
        raise RefusedError(refused)
    labels = tuple(map(_label, tree.selects)) if isinstance(tree, exp.Query) else ()
    locked = tuple(t.name.lower() for t in tree.find_all(exp.Table) if "TABLOCKX" in _hint_names(t))
    tree = _statement(tree)
    sql = tree.sql("postgres", identify=True, normalize=False)
    return Translated(tree.key, sql, labels, locked)


def _label(column: exp.Expr) -> str:
    return column.alias_or_name if isinstance(column, exp.Alias | exp.Column) else ""


def _statement(tree: exp.Expr) -> exp.Expr:
    _lower_names(tree)
    if isinstance(tree, exp.Update):
        _update_of_alias(tree)
    if isinstance(tree, exp.Create | exp.Alter):
        define_columns(tree)
    if isinstance(tree, exp.Drop):
        tree.set("cluster", None)  # T-SQL names the table of an index, PostgreSQL does not
    if isinstance(tree, exp.Select):
        _lock(tree)
    for table in list(tree.find_all(exp.Table)):
        _hints(table)
        if isinstance(table.this, exp.OpenJSON):
            table.replace(json_table(table))
    for column in [c for r in tree.find_all(exp.Returning) for c in r.find_all(exp.Column)]:
        column.set("table", None)  # OUTPUT names inserted.x or deleted.x
    for order in list(tree.find_all(exp.Order)):
        if isinstance(order.parent, exp.SetOperation):
            for column in order.find_all(exp.Column):
                column.set("table", None)  # PostgreSQL allows only the names of the result there
    for parameter in list(tree.find_all(exp.Parameter)):
        _parameter(parameter)
    return tree.transform(_node)


def _lower_names(tree: exp.Expr) -> None:
    # SQL Server's names ignore case, like unquoted names of PostgreSQL.
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
        name.set("quoted", True)


def _node(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Collate) and isinstance(node.expression, exp.Var | exp.Column):
        name = node.expression.name
        node.set("expression", collation(name))
    elif isinstance(node, exp.DataType):
        return kind_of(node)
    elif isinstance(node, exp.Escape):
        return _like(node.this, node.expression)
    elif isinstance(node, exp.Like):
        return _like(node)
    elif isinstance(node, exp.Count) and not isinstance(node.parent, exp.Cast):
        return exp.cast(node.copy(), "int", copy=False)  # PostgreSQL's is a BIGINT
    return node


def _like(like: exp.Expr, *escape: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="TSQL_LIKE", expressions=[like.this, like.expression, *escape])


def _parameter(parameter: exp.Parameter) -> None:
    if isinstance(parameter.this, exp.Parameter):  # @@name
        name = parameter.this.name.lower()
        if name not in _SERVER_VARIABLES:
            raise RefusedError(SqlError(137, f"The stand-in does not know @@{name}", 15))
        parameter.replace(sqlglot.parse_one(_SERVER_VARIABLES[name], read="postgres"))
    elif not isinstance(parameter.parent, exp.Parameter):
        parameter.replace(exp.Var(this=f"{_MARK}{parameter.name}{_MARK}"))


def _hints(table: exp.Table) -> None:
    if unknown := set(_hint_names(table)) - _HINTS:
        raise RefusedError(SqlError(321, f"The stand-in does not know the hints {unknown}", 15))
    table.set("hints", None)


def _hint_names(table: exp.Table) -> list[str]:
    return [
        hint.name.upper() for group in table.args.get("hints") or () for hint in group.expressions
    ]


def _lock(select: exp.Select) -> None:
    """Add FOR UPDATE for the tables whose rows a hint locks."""
    locked = [t for t in select.find_all(exp.Table) if {"UPDLOCK", "XLOCK"} & set(_hint_names(t))]
    if locked:
        skip = any("READPAST" in _hint_names(table) for table in locked)
        of = [exp.to_identifier(table.alias_or_name, quoted=True) for table in locked]
        lock = exp.Lock(update=True, expressions=[exp.Table(this=name) for name in of])
        lock.set("wait", False if skip else None)
        select.set("locks", [lock])


def _update_of_alias(update: exp.Update) -> None:
    """Turn UPDATE p ... FROM t AS p JOIN v ON ... into UPDATE t AS p ... FROM v WHERE ..."""
    source = update.args.get("from_")
    if source is None:
        return
    first = source.this
    joins = first.args.get("joins") or []
    if first.alias_or_name != update.this.name or len(joins) != 1 or joins[0].side:
        raise RefusedError(SqlError(102, "The stand-in knows UPDATE a ... FROM t AS a JOIN b", 15))
    join = joins[0]
    first.set("joins", None)
    update.set("this", first)
    update.set("from_", exp.From(this=join.this))
    update.where(join.args["on"], copy=False)
