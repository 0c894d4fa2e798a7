"""How the fleet scales over a day: a simulation of the autoscaler in deploy/kubernetes."""
