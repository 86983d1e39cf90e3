"""The gRPC server of the simulated gateway."""
