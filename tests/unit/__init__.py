"""Unit tests: no server."""
