"""Commands that take more than one call to the gateway."""
