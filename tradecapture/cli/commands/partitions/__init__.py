"""`tradecapture partitions`: the state of partitions, and operators' actions on them."""

from tradecapture.cli.commands.partitions.group import partitions

__all__ = ["partitions"]
