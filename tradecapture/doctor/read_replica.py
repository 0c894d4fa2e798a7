"""Findings on the read replica: whether it answers, follows this ledger, and how far it lags."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from tradecapture.connections.urls import without_password
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import database_cause, open_engine
from tradecapture.ledger.schema.upgrades import revision_of
from tradecapture.settings import Settings

# The status of a trade is right however far the replica lags. A search that misses more than this
# surprises people.
LAG_WARN_SECONDS = 10.0
LAG_WARN_BYTES = 64 * 2**20  # about 50,000 trades; a paused replay soon exceeds it


class ReplicationFacts(NamedTuple):
    """What a database reports about its part in replication."""

    facts: Mapping[str, str]  # see LedgerDialect.replication_facts
    revision: str | None  # of its tables; None: not known


def check_replica(settings: Settings) -> list[Finding]:
    """Ask the replica and the ledger's own database; without a replica, no finding.

    Raises:
        SettingsError: the ledger cannot use the kind of database that a URL names.
    """
    if not settings.replica_url:
        return []
    # The ledger first: what is committed between the two reads must not count as lag.
    try:
        ledger = _ask(settings, replica=False)
    except SQLAlchemyError:
        ledger = ReplicationFacts({}, None)  # another finding reports the error
    url = without_password(settings.replica_url)
    try:
        replica = _ask(settings, replica=True)
    except SQLAlchemyError as error:
        message = f"{url} does not answer: {database_cause(error)}"
        cure = (
            "start it, or correct TRADECAPTURE_REPLICA_URL; until then all reads go to the "
            "ledger's own database, which only has more load"
        )
        return [Finding(Level.WARN, "replica", message, cure)]
    return [Finding(Level.OK, "replica", f"{url} answers"), *assess_replica(ledger, replica)]


def _ask(settings: Settings, *, replica: bool) -> ReplicationFacts:
    with open_engine(settings, replica=replica) as (engine, dialect):
        facts = LedgerReader(engine, dialect).replication_facts()
        return ReplicationFacts(facts, str(revision_of(engine)))


def assess_replica(ledger: ReplicationFacts, replica: ReplicationFacts) -> list[Finding]:
    """Assess what the ledger's own database and its replica report. Pure."""
    read_only = replica.facts.get("read_only")
    findings = [
        finding(
            "replica writes",
            {"yes": "it only reads", "no": "it takes writes"}.get(
                read_only or "", "this database does not say"
            ),
            Level.WARN if read_only == "no" else Level.OK,
            "name a standby or a readable secondary in TRADECAPTURE_REPLICA_URL: this is either "
            "the ledger itself, whose load it does not lower, or a copy that does not follow it",
        )
    ]
    replica_system, ledger_system = replica.facts.get("system"), ledger.facts.get("system")
    if replica_system and ledger_system:
        is_same = replica_system == ledger_system
        findings.append(
            finding(
                "replica origin",
                "the ledger's own server" if is_same else "another server's",
                Level.OK if is_same else Level.FAIL,
                "it would answer for another ledger: correct TRADECAPTURE_REPLICA_URL",
            )
        )
    if ledger.revision is not None:
        findings.append(
            finding(
                "replica schema",
                f"revision {replica.revision}, the ledger has {ledger.revision}",
                Level.OK if replica.revision == ledger.revision else Level.WARN,
                "wait until it has the last migration; until then reads that fail go to the ledger",
            )
        )
    return [*findings, _assess_lag(ledger.facts, replica.facts)]


def _assess_lag(ledger: Mapping[str, str], replica: Mapping[str, str]) -> Finding:
    committed, applied = ledger.get("place"), replica.get("place")
    if not committed or not applied:
        return Finding(Level.OK, "replica lag", "this database does not say")
    lag_bytes = max(0, int(committed) - int(applied))
    # While the ledger is idle, the age of the last applied transaction says nothing.
    lag_seconds = float(replica.get("age_seconds") or 0.0) if lag_bytes else 0.0
    return finding(
        "replica lag",
        f"{lag_bytes:,} bytes, {lag_seconds:.1f} s at most",
        Level.WARN if lag_seconds > LAG_WARN_SECONDS or lag_bytes > LAG_WARN_BYTES else Level.OK,
        "searches miss recent captures: check its load, its disk, the network, and whether its "
        "replay is paused; the status of a trade is right even so",
    )
