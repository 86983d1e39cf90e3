"""Everything that touches gRPC, sockets and certificates."""
