"""mxgw-py, the command line of the MXAccess Gateway."""
