"""Server streams: how messages are read and handed to the event loop."""
