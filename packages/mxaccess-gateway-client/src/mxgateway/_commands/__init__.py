"""The commands of Session, one module per family."""
