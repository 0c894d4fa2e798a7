"""The pure parts of the command line: files of trades, findings."""
