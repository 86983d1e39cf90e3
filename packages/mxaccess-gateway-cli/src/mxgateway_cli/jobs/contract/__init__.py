"""The contract of mxgw-py, compared with that of a gateway."""
