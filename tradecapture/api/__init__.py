"""The HTTP API: trades come in, and what became of them is told. It never calls a worker."""
