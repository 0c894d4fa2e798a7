"""The performance test: open-loop load over the public HTTP API, against any deployment."""
