"""A whole day of trades, sent as batches at full speed."""
