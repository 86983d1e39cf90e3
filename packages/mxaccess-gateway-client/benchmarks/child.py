"""Run one contestant or one server in this process: python child.py MODULE FUNCTION OPTIONS.

OPTIONS is a JSON object with the arguments of the function. Its result is printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from importlib import import_module

if __name__ == "__main__":
    module, function, options = sys.argv[1:]
    # asyncua logs every negotiation.
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    print(json.dumps(asyncio.run(getattr(import_module(module), function)(**json.loads(options)))))
