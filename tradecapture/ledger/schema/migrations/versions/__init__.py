"""One module a migration of the floor, oldest first: the first tables, then contract migrations."""
