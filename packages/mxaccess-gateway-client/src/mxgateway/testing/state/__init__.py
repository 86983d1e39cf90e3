"""State that all parts of the simulated gateway share."""
