"""The gRPC backend."""
