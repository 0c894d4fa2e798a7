"""Migrations of the next release."""
