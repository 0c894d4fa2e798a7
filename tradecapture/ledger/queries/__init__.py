"""The queries: everything that only reads the ledger."""
