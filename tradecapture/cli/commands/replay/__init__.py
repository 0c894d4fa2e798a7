"""`tradecapture replay`: parked and rejected trades are accepted again."""

from tradecapture.cli.commands.replay.command import replay

__all__ = ["replay"]
