"""Variants of capture, measured side by side: `make bench`."""
