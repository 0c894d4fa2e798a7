"""`tradecapture partitions`: how partitions stand, and what operators do to them."""

from tradecapture.cli.commands.partitions.group import partitions

__all__ = ["partitions"]
