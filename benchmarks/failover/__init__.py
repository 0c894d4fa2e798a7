"""How long the partitions of a killed worker wait: `make failover`."""
