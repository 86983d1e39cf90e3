"""Results of commands, printed as JSON records or as text."""
