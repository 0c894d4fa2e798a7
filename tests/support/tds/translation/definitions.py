"""Translation of definitions: columns and keys get what SQL Server gives them."""

import sqlglot
from sqlglot import exp

from tests.support.tds.protocol.kinds import DEFAULT_COLLATION, TEXT_KINDS, collation, kind_of


def define_columns(tree: exp.Create | exp.Alter) -> None:
    """Give columns a collation, and limit lengths as SQL Server counts them."""
    for key in list(tree.find_all(exp.PrimaryKey)):
        key.set("expressions", [_plain(column) for column in key.expressions])
        key.set("include", None)
    for column in list(tree.find_all(exp.ColumnDef)):
        kind = column.args.get("kind")
        if kind is None:
            continue
        if kind.this in TEXT_KINDS:
            _text_column(column, kind)
        column.set("kind", kind_of(kind))
        for constraint in column.constraints:
            if isinstance(constraint.kind, exp.AutoIncrementColumnConstraint):
                constraint.set("kind", exp.GeneratedAsIdentityColumnConstraint(this=True))


def _text_column(column: exp.ColumnDef, kind: exp.DataType) -> None:
    named = [c for c in column.constraints if isinstance(c.kind, exp.CollateColumnConstraint)]
    for constraint in named:
        name = constraint.kind.this.name
        constraint.kind.set("this", collation(name))
    if not named:
        default = exp.CollateColumnConstraint(this=collation(DEFAULT_COLLATION))
        column.append("constraints", exp.ColumnConstraint(kind=default))
    size = kind.expressions[0].name if kind.expressions else "1"
    national = kind.this in (exp.DType.NVARCHAR, exp.DType.NCHAR)
    name = f'"{column.name}"'
    if national and size.upper() != "MAX":
        check = f"dbo.utf16_length({name}) <= {size}"
    elif not national:
        # SQL Server turns other characters into question marks.
        check = f"octet_length({name}) = char_length({name})"
    else:
        return
    condition = sqlglot.parse_one(check, read="postgres")
    column.append(
        "constraints",
        exp.ColumnConstraint(kind=exp.CheckColumnConstraint(this=condition)),
    )


def _plain(column: exp.Expression) -> exp.Expression:
    while isinstance(column, exp.Ordered | exp.Column):
        column = column.this
    return column
