"""The commands that the rpc Invoke carries."""
