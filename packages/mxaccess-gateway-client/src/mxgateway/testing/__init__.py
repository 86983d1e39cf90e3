"""A simulated MXAccess Gateway, to test the client and your own automation against."""

import lazy_loader

# The names are listed in __init__.pyi. They are imported at their first use because the pytest plugin is in this
# package, and every pytest loads it where the library is installed.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
