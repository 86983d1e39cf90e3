"""One contestant or one server, in a process of its own: python child.py MODULE FUNCTION OPTIONS.

OPTIONS is a JSON object, the arguments of the function; what it returns is printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from importlib import import_module

if __name__ == "__main__":
    module, function, options = sys.argv[1:]
    # What asyncua says of its every negotiation is no concern here.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    print(json.dumps(asyncio.run(getattr(import_module(module), function)(**json.loads(options)))))
