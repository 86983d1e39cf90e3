"""The explorer: the Galaxy, watched tags, writes and alarms on one screen. Needs the extra `tui`."""
