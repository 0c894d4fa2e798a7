"""The translation of T-SQL to PostgreSQL, and the refusal of what is no T-SQL."""
