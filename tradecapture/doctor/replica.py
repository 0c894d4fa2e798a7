"""Findings on the read replica: does it answer, does it follow this ledger, how far behind."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from tradecapture.connections.urls import without_password
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import database_cause, make_engine
from tradecapture.ledger.schema.upgrades import revision_of
from tradecapture.settings import Settings

# Status is right however far it is behind; a search that misses more than these surprises people.
LAG_WARN_SECONDS = 10.0
LAG_WARN_BYTES = 64 * 2**20  # as much as some 50,000 trades; what a pause in replaying soon exceeds


class ReplicationFacts(NamedTuple):
    """What a database says of its part in replication."""

    facts: Mapping[str, str]  # see LedgerDialect.replication_facts
    revision: str | None  # of its tables


def check_replica(settings: Settings) -> list[Finding]:
    """Ask the replica, and the ledger beside it; nothing if there is no replica.

    Raises:
        SettingsError: a URL is of no database that the ledger can use.
    """
    if not settings.replica_url:
        return []
    try:
        # In this order, so that what is written between the two looks is no lag.
        ledger = _ask(settings, settings.database_url, read_only=False)
    except SQLAlchemyError:
        ledger = ReplicationFacts({}, None)  # another finding says so
    url = without_password(settings.replica_url)
    try:
        replica = _ask(settings, settings.replica_url, read_only=True)
    except SQLAlchemyError as error:
        message = f"{url} does not answer: {database_cause(error)}"
        cure = (
            "start it, or correct TRADECAPTURE_REPLICA_URL; until then all reads go to the "
            "ledger's own database, and nothing is wrong but its load"
        )
        return [Finding(Level.WARN, "replica", message, cure)]
    return [Finding(Level.OK, "replica", f"{url} answers"), *assess_replica(ledger, replica)]


def assess_replica(ledger: ReplicationFacts, replica: ReplicationFacts) -> list[Finding]:
    """Judge what the two databases say of themselves. Pure."""
    read_only = replica.facts.get("read_only")
    findings = [
        finding(
            "replica writes",
            {"yes": "it only reads", "no": "it takes writes"}.get(
                read_only or "", "this database does not say"
            ),
            Level.WARN if read_only == "no" else None,
            "name a standby or a readable secondary in TRADECAPTURE_REPLICA_URL: this is the "
            "ledger itself, which is spared nothing, or a copy that does not follow it",
        )
    ]
    origin, followed = (one.facts.get("system") for one in (replica, ledger))
    if origin and followed:
        findings.append(
            finding(
                "replica origin",
                "the ledger's own server" if origin == followed else "another server's",
                None if origin == followed else Level.FAIL,
                "it would answer for another ledger: correct TRADECAPTURE_REPLICA_URL",
            )
        )
    if ledger.revision is not None:
        findings.append(
            finding(
                "replica schema",
                f"revision {replica.revision}, the ledger has {ledger.revision}",
                None if replica.revision == ledger.revision else Level.WARN,
                "wait until it has the last migration; until then reads that fail go to the ledger",
            )
        )
    return [*findings, _assess_lag(ledger.facts, replica.facts)]


def _assess_lag(ledger: Mapping[str, str], replica: Mapping[str, str]) -> Finding:
    written, applied = ledger.get("place"), replica.get("place")
    if not written or not applied:
        return Finding(Level.OK, "replica lag", "this database does not say")
    behind = max(0, int(written) - int(applied))
    # The age of the last transaction that it applied says nothing while the ledger is idle.
    seconds = float(replica.get("age_seconds") or 0.0) if behind else 0.0
    return finding(
        "replica lag",
        f"{behind:,} bytes, {seconds:.1f} s at most",
        Level.WARN if seconds > LAG_WARN_SECONDS or behind > LAG_WARN_BYTES else None,
        "searches miss what was captured since; see its load, its disk, the network, and whether "
        "its replay is paused. The status of a trade is right all the same",
    )


def _ask(settings: Settings, url: str, *, read_only: bool) -> ReplicationFacts:
    engine, dialect = make_engine(
        url, pool_size=1, timeout_seconds=settings.connect_seconds, read_only=read_only
    )
    try:
        facts = LedgerReader(engine, dialect).replication_facts()
        return ReplicationFacts(facts, str(revision_of(engine)))
    finally:
        engine.dispose()
