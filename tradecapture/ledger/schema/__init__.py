"""The schema: tables, column types, and the migrations that bring a database to them."""
