"""`tradecapture replay`: parked and rejected trades are accepted again."""

from tradecapture.cli.replay.command import replay

__all__ = ["replay"]
