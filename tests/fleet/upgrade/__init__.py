"""Tests of rolling upgrades: two releases side by side."""
