"""Operating: what an operator may do to a partition in the ledger, each with its audit row."""

from tradecapture.ledger.operating.action import Action, Deed, Request
from tradecapture.ledger.operating.operating import Operating

__all__ = ["Action", "Deed", "Operating", "Request"]
