"""The HTTP API: processes that serve it, requests, and checks of its answers."""
