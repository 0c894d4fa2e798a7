"""Real worker processes: their start, their heartbeat, their kill, and what they show."""
