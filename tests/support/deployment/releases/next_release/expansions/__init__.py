"""Expansions of the next release's schema."""
