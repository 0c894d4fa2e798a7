"""The fleet of one machine: its data folder, its programs, and one run of them."""
