"""A session, its worker and its MXAccess object."""
