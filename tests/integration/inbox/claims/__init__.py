"""Claims and what ends them: complete, postpone, renew, hold; and the bell."""
