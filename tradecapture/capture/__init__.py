"""From the inbox to the ledger: the bell, the capture of a lane, and a trade's status."""
