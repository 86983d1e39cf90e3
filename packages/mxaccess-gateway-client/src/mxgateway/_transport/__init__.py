"""gRPC, sockets and certificates: the only room of the client that imports grpc."""
