"""The commands, one module a section of the help. Importing them loads click and nothing heavier."""
