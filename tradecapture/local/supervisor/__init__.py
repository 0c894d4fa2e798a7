"""The supervisor of `up` and `demo`: it restarts programs that die, and stops all of them."""
