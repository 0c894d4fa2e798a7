"""Contractions of the next release's schema."""
