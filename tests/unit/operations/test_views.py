"""The JSON of partitions, as the API and the command line show it."""

from tests.support.builders import NOW, PARTITION
from tradecapture.ledger import AuditRow
from tradecapture.operations.views import partition_audit_body


def test_an_action_of_a_newer_release_is_shown_as_it_is() -> None:
    """A release that does not know the action still lists it."""
    row = AuditRow(NOW, "ann", "transfer", PARTITION, None, None, None, "why", "done")
    assert partition_audit_body(row).action == "transfer"
