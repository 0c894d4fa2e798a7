"""`tradecapture replay`: accepts parked and rejected trades again."""

from tradecapture.cli.commands.replay.command import replay

__all__ = ["replay"]
