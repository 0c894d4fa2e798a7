"""A read replica of the ledger: a real standby, behind, away and back."""
