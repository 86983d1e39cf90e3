"""What the explorer knows of the plant, independent of how it is shown."""
