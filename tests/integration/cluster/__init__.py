"""The inboxes on a Redis Cluster: real nodes, one of them lost, slots moved, a failover."""
