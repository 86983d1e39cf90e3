"""Watches: what they yield, and the queue of each."""
