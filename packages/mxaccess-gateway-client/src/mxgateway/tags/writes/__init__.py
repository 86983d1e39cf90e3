"""Writes: batched, one at a time per tag, each matched to its outcome."""
