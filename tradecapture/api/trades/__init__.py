"""What became of trades: one trade, a job, or a search of the ledger."""
