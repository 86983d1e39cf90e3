"""Commands for a session, its items, events and writes by handles."""
