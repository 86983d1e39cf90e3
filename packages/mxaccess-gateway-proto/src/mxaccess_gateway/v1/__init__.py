"""Version 1 of the contract. Import the modules that you need; this package imports none of them.

`mxaccess_gateway_pb2`, `mxaccess_gateway_pb2_grpc`: MXAccess sessions, commands, events and alarms.
`galaxy_repository_pb2`, `galaxy_repository_pb2_grpc`: the Galaxy's object tree.
"""
