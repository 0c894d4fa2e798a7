"""Fixtures of the command line's tests."""

from tests.support.cli.fixtures import capture, deployment, ledger, run

__all__ = ["capture", "deployment", "ledger", "run"]
