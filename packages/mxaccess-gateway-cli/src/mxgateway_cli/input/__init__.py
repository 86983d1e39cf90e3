"""Text from the command line to values and lists."""
