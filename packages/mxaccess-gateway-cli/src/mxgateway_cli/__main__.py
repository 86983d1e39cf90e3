"""Where `mxgw-py` and `python -m mxgateway_cli` begin."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with these arguments, by default the process's own, and give the exit status."""
    try:
        # Imported here: Ctrl-C in the first moments, while click is loaded, shows no traceback either.
        from mxgateway_cli.app import run  # noqa: PLC0415

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
