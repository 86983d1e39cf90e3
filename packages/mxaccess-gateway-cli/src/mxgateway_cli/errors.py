"""What went wrong, for people and for scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway_cli.exit_status import ExitStatus

__all__ = ["CommandFailure", "Failure", "PartialFailure"]


class CommandFailure(Exception):
    """A command ends without success, for a reason that it found itself.

    Attributes:
        status: the exit status.
        facts: what is known of it, in protobuf JSON names.
    """

    def __init__(self, message: str, status: ExitStatus, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.facts = dict(facts or {})


class PartialFailure(CommandFailure):
    """Some entries of a command failed, and its result, which was printed, says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong, for people and for scripts.

    Attributes:
        status: the exit status.
        type: the class of the error.
        message: one line.
        facts: what else is known of it, in protobuf JSON names.
    """

    status: ExitStatus
    type: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
