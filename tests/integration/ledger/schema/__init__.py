"""The schema: its creation, its migrations and their lock."""
