"""Errors, reported in one line and as an exit status."""
