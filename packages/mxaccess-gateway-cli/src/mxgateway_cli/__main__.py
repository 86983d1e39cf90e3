"""Entry point of `mxgw-py` and `python -m mxgateway_cli`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with these arguments, by default those of the process, and return the exit status."""
    try:
        # Imported here so that Ctrl-C while click is still loading shows no traceback either.
        from mxgateway_cli.app import run  # noqa: PLC0415

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
