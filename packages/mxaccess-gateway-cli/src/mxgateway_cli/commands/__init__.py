"""The commands of mxgw-py. Importing them loads click, but not the client or grpc."""
