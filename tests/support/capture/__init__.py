"""Workers and operators in the process of the test."""
