"""Records what clients sent, what was answered and which faults were injected, and checks it."""
