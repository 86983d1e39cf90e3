"""State and rules shared by all rooms of the simulated gateway."""
