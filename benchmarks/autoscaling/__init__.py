"""A day of the fleet under the autoscalers of deploy/kubernetes, simulated: `make autoscaling`."""
