"""Helpers that know nothing about a gateway."""
