"""The commands of the rpc Invoke, by family."""
