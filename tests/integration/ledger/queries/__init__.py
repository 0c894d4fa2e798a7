"""The queries: search, replica, what operators read."""
