"""`tradecapture submit`: reads files of trades, submits them, and reports each answer."""
