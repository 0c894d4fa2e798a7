"""Tests that switch off one safety guard at a time, and show the harm that the guard prevents."""
