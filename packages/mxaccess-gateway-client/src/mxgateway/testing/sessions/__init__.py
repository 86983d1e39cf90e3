"""Sessions, with their workers, MXAccess objects and events."""
