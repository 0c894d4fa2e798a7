"""Redis servers that are killed, full or unreachable, and a failover by sentinels."""
