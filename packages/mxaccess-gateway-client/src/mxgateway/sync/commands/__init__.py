"""The commands of a session, one module for each family."""
