"""The simulated Galaxy behind the gateway."""
