"""Scripts for a simulated gateway: changes of its plant and faults, at given times."""
