"""What a shell learns from a command."""

from enum import IntEnum

__all__ = ["ExitStatus"]


class ExitStatus(IntEnum):
    """The exit statuses of `mxgw-py`.

    Attributes:
        GOOD: everything was done.
        FAILED: it was not done, for a reason that none of the others names.
        USAGE: the command line, its environment or its files can't work; nothing was sent.
        TRANSPORT: there is no usable connection to a gateway.
        AUTHENTICATION: the gateway doesn't accept the API key, or the key lacks the scope.
        SESSION: the session or its worker can't be used, or a limit of the gateway is reached.
        MXACCESS: MXAccess refused.
        TIMED_OUT: no answer, data change or write outcome came in time.
        INTERRUPTED: Ctrl-C or SIGTERM.
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
