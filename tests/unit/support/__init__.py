"""The tools of the tests themselves: the history checker, the schedule of a soak."""
