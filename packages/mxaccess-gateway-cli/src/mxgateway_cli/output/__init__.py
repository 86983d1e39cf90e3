"""Output to stdout and stderr: records, lines, tables, messages and progress."""
