"""How each kind of result is shown."""
