"""Trends of recorded files or of live tags, as a picture or on the terminal."""
