"""Small helpers without knowledge of a gateway."""
