"""Tests of the HTTP API against the contract: real servers, real requests."""
