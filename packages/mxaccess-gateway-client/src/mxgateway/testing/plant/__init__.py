"""The simulated Galaxy behind the gateway: objects, tags, alarms and users."""
