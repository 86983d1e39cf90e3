"""Watching of tags by name: filters, snapshots, and the live table of a terminal."""
