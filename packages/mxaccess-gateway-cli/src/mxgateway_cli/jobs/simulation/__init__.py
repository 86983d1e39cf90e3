"""The simulated gateway as a command: its files, its script and its prompt."""
