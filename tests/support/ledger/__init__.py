"""Ledgers: fixtures on each database, snapshots of their tables, and doubles of them."""
