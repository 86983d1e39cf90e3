"""Commands that process many items in one round trip."""
