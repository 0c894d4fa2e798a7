"""Redis servers of a cluster and sentinels, and slots that move between nodes."""
