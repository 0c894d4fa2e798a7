"""`/partitions`: how partitions stand, and what operators do to them."""
