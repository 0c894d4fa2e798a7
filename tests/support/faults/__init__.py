"""Fleets with something broken on purpose, and what is measured of their recovery."""
