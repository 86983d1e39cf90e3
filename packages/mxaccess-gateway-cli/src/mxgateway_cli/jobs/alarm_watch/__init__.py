"""The watch of alarms: a live table on a terminal, in which alarms can be acknowledged; results in a pipe."""
