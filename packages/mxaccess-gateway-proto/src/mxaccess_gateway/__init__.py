"""The MXAccess Gateway's gRPC contract."""
