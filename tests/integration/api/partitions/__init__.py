"""`/partitions`: what it shows, and the actions."""
