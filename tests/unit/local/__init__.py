"""Samples, ports, the restart policy and the report of the demo."""
