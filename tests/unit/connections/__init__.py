"""Tests of `tradecapture.connections` without a server."""
