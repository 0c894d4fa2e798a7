"""A Redis Cluster under a running fleet: nodes are killed, a replica takes over, slots move."""
