"""A Redis Cluster used like one Redis: each command goes to the node that has its key."""
