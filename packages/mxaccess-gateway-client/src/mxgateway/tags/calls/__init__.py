"""Calls that combine reads and watches: wait for a condition, poll, read plain values."""
