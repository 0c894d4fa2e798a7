"""Faults that tests inject into a running fleet, and measurements of how the fleet recovers."""
