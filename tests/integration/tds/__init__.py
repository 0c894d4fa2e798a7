"""SQL Server's stand-in, spoken to by the real driver."""
