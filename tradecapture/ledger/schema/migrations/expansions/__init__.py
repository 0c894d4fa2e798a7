"""One module an expand migration, oldest first: each only adds what older releases do not mind."""
