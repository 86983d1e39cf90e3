"""Fault injection for tests: a proxy, a gateway process, and applications that check every event."""
