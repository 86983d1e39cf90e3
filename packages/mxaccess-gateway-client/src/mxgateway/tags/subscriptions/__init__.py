"""Subscriptions: the tags of a TagClient and their items in the present session."""
