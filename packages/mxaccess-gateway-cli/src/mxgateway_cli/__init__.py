"""The command line of the MXAccess Gateway, `mxgw-py`."""
