"""What `deploy/kubernetes` says, and how the fleet scales by it."""
