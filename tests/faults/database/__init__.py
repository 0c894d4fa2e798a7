"""Tests of databases that die, are out of reach, deadlock, or report errors under load."""
