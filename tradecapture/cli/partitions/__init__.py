"""`tradecapture partitions`: how partitions stand, and what operators do to them."""

from tradecapture.cli.partitions.group import partitions

__all__ = ["partitions"]
