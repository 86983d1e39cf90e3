"""The batch: command lines from stdin over one connection, with a prompt on a terminal."""
