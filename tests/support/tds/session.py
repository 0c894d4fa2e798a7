"""A session: splits a client's batches into statements, runs them and answers."""

import re
from collections.abc import Callable
from functools import partial

from tests.support.tds.backend import Backend
from tests.support.tds.databases import Databases
from tests.support.tds.errors import (
    ABORTS_ALWAYS,
    NOT_UNDERSTOOD,
    CutError,
    RefusedError,
    StatementError,
    injected,
)
from tests.support.tds.faults import Fault, Moment
from tests.support.tds.journal import Journal
from tests.support.tds.protocol import tokens
from tests.support.tds.protocol.tokens import SqlError
from tests.support.tds.results import result
from tests.support.tds.translation.calls import is_call, translate_statement
from tests.support.tds.translation.literals import Statement, split, with_strings

Handler = Callable[["Session", "re.Match[str]"], bytes]

_words = partial(re.compile, flags=re.IGNORECASE | re.DOTALL)
_IF_BEGUN = _words(r"IF\s+@@TRANCOUNT\s*>\s*0\s+(.*)")


class Session:
    """The session of one connection, which runs one batch after another."""

    def __init__(
        self,
        number: int,
        databases: Databases,
        database: str,
        journal: Journal,
        fault_at: Callable[[Moment, str], Fault | None],
    ) -> None:
        self.number = number
        self._backend = Backend(databases, database)
        self._journal, self._fault_at = journal, fault_at

    def close(self) -> None:
        """Roll back an open transaction and close the connection."""
        self._backend.close()

    def run(self, batch: str) -> bytes:
        """Return the answer to a batch.

        Raises:
            CutError: the connection must be cut instead.
        """
        try:
            statements = split(batch)
        except ValueError as error:
            return tokens.error(SqlError(105, str(error), 15)) + tokens.done(failed=True)
        answer = bytearray()
        for index, statement in enumerate(statements):
            more = index < len(statements) - 1
            try:
                answer += self._statement(statement, more=more)
            except StatementError as failed:
                self._journal.note(self.number, f"error {failed.error.number}")
                all_ends = failed.compiling or self._backend.options.aborts_all
                ends = all_ends or failed.error.number in ABORTS_ALWAYS
                answer += tokens.error(failed.error)
                answer += tokens.done(failed=True, more=more and not ends)
                if ends:
                    break
        return bytes(answer) or tokens.done()

    def _statement(self, statement: Statement, *, more: bool) -> bytes:
        text = statement.text
        if condition := _IF_BEGUN.fullmatch(text):
            if not self._backend.depth:
                return tokens.done(more=more)
            text = condition[1]
        for pattern, handler in _HANDLERS:
            if match := pattern.fullmatch(text):
                return handler(self, match) + tokens.done(more=more)
        return self._query(statement, more=more)

    def _begin(self, _match: "re.Match[str]") -> bytes:
        self._may_fail(Moment.BEGIN, "BEGIN TRAN")
        self._backend.depth += 1
        self._journal.note(self.number, "begin")
        return tokens.transaction_begun(self.number) if self._backend.depth == 1 else b""

    def _commit(self, _match: "re.Match[str]") -> bytes:
        if not self._backend.depth:
            raise StatementError(injected(3902))
        fault = self._fault_at(Moment.COMMIT, "COMMIT TRAN")
        if fault and not fault.done:
            self._fail(fault)
        self._backend.commit()
        self._journal.note(self.number, "commit")
        if fault:
            self._fail(fault)
        return tokens.transaction_ended(self.number, committed=True)

    def _roll_back(self, _match: "re.Match[str]") -> bytes:
        if not self._backend.depth:
            raise StatementError(injected(3903), compiling=True)
        self._backend.abort()
        self._journal.note(self.number, "rollback")
        return tokens.transaction_ended(self.number, committed=False)

    def _use(self, match: "re.Match[str]") -> bytes:
        self._may_fail(Moment.CONNECT, f"USE {match[1]}")
        old = self._backend.database
        self._backend.use(match[1])
        return tokens.database_changed(self._backend.database, old)

    def _set(self, match: "re.Match[str]") -> bytes:
        option = match[1].upper()
        self._may_fail(Moment.CONNECT, f"SET {option}")
        self._backend.set(option, match[2].strip().upper())
        return b""

    def _run_on_databases(self, match: "re.Match[str]") -> bytes:
        self._backend.run_on_databases(match[0])
        return b""

    def _take_application_lock(self, _match: "re.Match[str]") -> bytes:
        # Only migrations take this lock, and never wait; `applock_mode` tells whether they have it.
        self._backend.run("SELECT pg_try_advisory_lock(1)")
        return b""

    def _query(self, statement: Statement, *, more: bool) -> bytes:
        whole = with_strings(statement)
        try:
            query, parameters = translate_statement(statement)
            text = query.with_parameters(parameters)
        except RefusedError as refused:
            self._journal.note_refusal(refused.error.text, whole)
            raise StatementError(refused.error, compiling=True) from refused
        self._journal.note(self.number, "statement" if self._backend.depth else "alone")
        fault = self._fault_at(Moment.EXECUTE, whole)
        if fault and not fault.done:
            self._fail(fault)
        try:
            for table in query.locked:
                self._backend.run(f'LOCK TABLE "{table}" IN EXCLUSIVE MODE')
            cursor = self._backend.run(text)
        except StatementError as failed:
            if failed.error.number in NOT_UNDERSTOOD:
                self._journal.note_refusal(failed.error.text, text[:2000])
            raise
        answer = b"".join(result(cursor, query, in_procedure=is_call(statement), more=more))
        if fault:
            self._fail(fault, answer)
        return answer

    def _may_fail(self, moment: Moment, text: str) -> None:
        if fault := self._fault_at(moment, text):
            self._fail(fault)

    def _fail(self, fault: Fault, answer: bytes = b"") -> None:
        if fault.number is None:
            self._journal.note(self.number, "cut")
            raise CutError(answer[: len(answer) // 2], reset=fault.reset)
        self._backend.abort()
        raise StatementError(injected(fault.number))


_HANDLERS: tuple[tuple["re.Pattern[str]", Handler], ...] = (
    (_words(r"BEGIN\s+TRAN(?:SACTION)?"), Session._begin),
    (_words(r"COMMIT(?:\s+TRAN(?:SACTION)?)?"), Session._commit),
    (_words(r"ROLLBACK(?:\s+TRAN(?:SACTION)?)?"), Session._roll_back),
    (_words(r"USE\s+\[?([\w$]+)\]?"), Session._use),
    (_words(r"SET\s+(\w+)\s+(.+)"), Session._set),
    (_words(r"(?:CREATE|ALTER|DROP)\s+DATABASE\b.+"), Session._run_on_databases),
    (
        _words(
            r"EXEC sp_getapplock @Resource = @__0, @LockMode = @__1, @LockOwner = @__2, "
            r"@LockTimeout = 0"
        ),
        Session._take_application_lock,
    ),
)
