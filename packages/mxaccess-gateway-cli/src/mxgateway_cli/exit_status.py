"""Exit statuses."""

from enum import IntEnum

__all__ = ["ExitStatus"]


class ExitStatus(IntEnum):
    """The exit statuses of `mxgw-py`.

    Attributes:
        GOOD: The command succeeded.
        FAILED: The command failed for a reason that no other status covers.
        USAGE: The command line, the environment or a file is invalid; nothing was sent.
        TRANSPORT: There is no usable connection to a gateway.
        AUTHENTICATION: The gateway rejected the API key, or the key lacks the required scope.
        SESSION: The session or its worker cannot be used, or a limit of the gateway was reached.
        MXACCESS: MXAccess refused the operation.
        TIMED_OUT: No reply, data change or write outcome arrived in time.
        INTERRUPTED: The command was ended by Ctrl-C or SIGTERM.
    """

    GOOD = 0
    FAILED = 1
    USAGE = 2
    TRANSPORT = 3
    AUTHENTICATION = 4
    SESSION = 5
    MXACCESS = 6
    TIMED_OUT = 124
    INTERRUPTED = 130
