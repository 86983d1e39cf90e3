"""The command line of the MXAccess Gateway."""
