"""The read endpoints: a trade's status, the search, and jobs."""
