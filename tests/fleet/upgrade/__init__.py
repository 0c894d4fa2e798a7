"""Rolling upgrades, in which workers and APIs of two releases run side by side."""
