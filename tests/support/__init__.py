"""What tests use: builders, snapshots, servers, deployments. Imports no test."""
