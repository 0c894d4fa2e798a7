"""Traffic: trades that are sent to a deployment, with a note of each answer."""
