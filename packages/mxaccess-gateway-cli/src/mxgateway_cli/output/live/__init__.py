"""Live display on a terminal: a region that is redrawn in place, its keys and its table."""
