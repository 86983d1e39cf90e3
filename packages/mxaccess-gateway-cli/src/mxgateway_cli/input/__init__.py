"""Options and parsers for values, lists and timestamps."""
