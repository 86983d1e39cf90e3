"""Records, lines and tables on stdout; messages on stderr."""
