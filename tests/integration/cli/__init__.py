"""The command line: every command against real servers, and its pure parts by themselves."""
