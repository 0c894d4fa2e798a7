"""Security: hostile messages and ids, passwords, TLS, rights, and the audit of packages."""
