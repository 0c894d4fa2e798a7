"""The local servers and the supervisor, with real processes."""
