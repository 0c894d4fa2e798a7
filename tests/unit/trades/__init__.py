"""A trade: its rules, its keys, its digest, its sums."""
