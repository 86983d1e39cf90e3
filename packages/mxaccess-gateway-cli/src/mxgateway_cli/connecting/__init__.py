"""From options and environment to a client and a session."""
