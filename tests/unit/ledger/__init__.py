"""The parts of the ledger that need no database: statements and error numbers."""
