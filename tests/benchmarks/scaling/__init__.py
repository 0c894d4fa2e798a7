"""The scaling table: its model, its page, and one tiny cell of each way."""
