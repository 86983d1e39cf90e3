"""Commands to get started: help, settings, checks and a simulated gateway."""
