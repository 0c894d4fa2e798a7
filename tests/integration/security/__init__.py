"""Security of the path: hostile messages and ids, passwords, TLS, rights, audited packages."""
