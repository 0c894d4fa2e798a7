"""The inboxes on a real Redis Cluster: a lost node, moved slots, TLS."""
