"""Errors as one line and an exit status."""
