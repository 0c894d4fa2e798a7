"""The rules of a capture: what the trades of a claim change in the ledger. Pure, without I/O."""
