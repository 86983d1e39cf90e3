"""Commands that consist of more than one call."""
