"""Tests of the helpers on which the fault tests depend: checker, history, schedule, recovery."""
