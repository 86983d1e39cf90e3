"""Profiles: saving, choosing and removing them."""
