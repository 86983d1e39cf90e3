"""What a client has done: calls, errors, events, gaps, losses and queues; and the same for OpenTelemetry."""

import lazy_loader

# The names are listed in __init__.pyi. They are imported at their first use: every client counts, few report to
# OpenTelemetry.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
