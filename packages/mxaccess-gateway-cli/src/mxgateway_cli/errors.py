"""Errors that commands raise, and the description of a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway_cli.exit_status import ExitStatus

__all__ = ["CommandFailure", "Failure", "PartialFailure"]


class CommandFailure(Exception):
    """A command failed for a reason that the command line itself detected.

    Attributes:
        status: The exit status.
        facts: Further facts about the failure, under protobuf JSON names.
    """

    def __init__(self, message: str, status: ExitStatus, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.facts = dict(facts or {})


class PartialFailure(CommandFailure):
    """Some entries of a command failed. The result, already printed, says which ones and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failure, described for people and for scripts.

    Attributes:
        status: The exit status.
        type: The class name of the error.
        message: The error message, one line.
        facts: Further facts about the failure, under protobuf JSON names.
    """

    status: ExitStatus
    type: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
