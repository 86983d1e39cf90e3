"""The methods of Session, one module a family."""
