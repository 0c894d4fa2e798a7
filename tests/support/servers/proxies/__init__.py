"""Proxies that delay, cut, encrypt or share connections to a server."""
