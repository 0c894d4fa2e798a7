"""The demo of `tradecapture demo`: its traffic, what it collects, and its report."""
