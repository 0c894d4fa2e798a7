"""The capture transaction: rows, duplicates, fences, parked trades, sequence numbers."""
