"""Commands that take tags by name."""
