"""`/trades`: the trades of the ledger that fit a filter, page by page."""
