"""Shared by the watches of tags and of alarms: their queue, their status items, and how they recover."""
