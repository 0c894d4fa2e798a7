"""The HTTP API: accepts trades and answers what became of them. It never calls a worker."""
