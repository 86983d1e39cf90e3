"""Connections, built from the options and the environment."""
